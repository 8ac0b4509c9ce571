/**
 * Two replicas on one Postgres and without Redis. Their polls are held back, so whatever one follows of the other came
 * by NOTIFY.
 */

import pg from 'pg';
import supertest from 'supertest';
import { describe, onTestFinished, test } from 'vitest';
import { type Clock, systemClock } from '../../src/clock.ts';
import { poll } from '../poll.ts';
import { createDatabase } from '../services/database.ts';
import { startInProcess } from '../services/in-process.ts';
import { noPostgres } from '../services/provided.ts';
import { type Http, untilReady } from './process/ready.ts';

/** The lengths of the polls that a signal cuts short, in milliseconds. */
const polls = new Set([500, 1_000]);

/** The system's clock, but for polls: from `hold` on they come when `release` is called. */
function createHeldClock(): Clock & { hold(): Promise<void>; release(): void } {
  const held = new Set<() => void>();
  const armed = new Set<object>();
  let holding = false;
  return {
    ...systemClock,
    after(ms, run) {
      if (!polls.has(ms)) return systemClock.after(ms, run);
      if (holding) {
        held.add(run);
        return { cancel: () => void held.delete(run) };
      }
      const timer = systemClock.after(ms, () => {
        armed.delete(timer);
        run();
      });
      armed.add(timer);
      return {
        cancel() {
          armed.delete(timer);
          timer.cancel();
        },
      };
    },
    async hold() {
      holding = true;
      await poll(() => armed.size === 0, { what: 'the polls under way to be over' });
    },
    release() {
      const due = [...held];
      held.clear();
      for (const run of due) run();
    },
  };
}

/** A replica in this process, and what it logs. */
async function startHeld(url: string) {
  const clock = createHeldClock();
  const replica = await startInProcess({ env: { DATABASE_URL: url, TARGET_DENY: 'none' }, clock });
  onTestFinished(async () => {
    // Loops that end wait for no poll, but what they do at the end may.
    const releasing = setInterval(clock.release, 50);
    await replica.stop();
    clearInterval(releasing);
  });
  const http: Http = supertest(replica.url);
  const said = (what: string) => replica.logs().filter(({ msg }) => String(msg).includes(what)).length;
  await untilReady(http);
  await poll(() => said('listening for signals') === 1, { what: 'the replica to listen' });
  return { http, said, hold: clock.hold, release: clock.release };
}

async function tasksOf(http: Http): Promise<number> {
  const { text } = await http.get('/metrics').expect(200);
  return Number(/^scheduler_active_tasks(?:\{.*\})? (\d+)$/m.exec(text)?.[1]);
}

describe.skipIf(noPostgres)('without Redis', () => {
  test('a replica follows the changes of another without its polls, and by them where it cannot listen', {
    timeout: 60_000,
  }, async () => {
    const { url } = await createDatabase();
    const [one, other] = await Promise.all([startHeld(url), startHeld(url)]);
    await Promise.all([one.hold(), other.hold()]);
    const put = (id: string) =>
      one.http.put(`/tasks/${id}`).send({ schedule: '@every 1h', target: 'http://127.0.0.1:9/' }).expect(201);
    const untilKnown = (count: number) =>
      poll(async () => (await tasksOf(other.http)) === count, { what: `${count} tasks to be known to the other` });

    await put('told-by-notify');
    await untilKnown(1);

    const client = new pg.Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name like '% signals' and datname = current_database()`,
    );
    await poll(() => one.said('was lost') + other.said('was lost') === 2, { what: 'both to notice' });
    await put('found-by-polling');
    other.release();
    await untilKnown(2);

    await poll(() => one.said('listening for signals') + other.said('listening for signals') === 4, {
      what: 'both to listen again',
    });
    await put('told-again');
    await untilKnown(3);
  });
});
