import supertest from 'supertest';
import { afterAll, describe, expect, test } from 'vitest';
import { type ApiProcess, type Body, startApiProcess } from '../integration/api/client.ts';
import { outlast } from '../outlast.ts';
import { poll } from '../poll.ts';
import { startReplica } from '../services/process.ts';
import { noPostgres } from '../services/provided.ts';
import { startTarget, status, type Target } from '../target.ts';

const targets: Target[] = [];
afterAll(() => Promise.all(targets.map((target) => target.close())));

/** Every call hangs until `finish`, or until its caller goes. */
async function hangingTarget() {
  const target = await startTarget();
  targets.push(target);
  const held: (() => void)[] = [];
  let isFinished = false;
  target.setBehaviour((response, request, socket) => {
    const answer = () => void status(200)(response, request, socket);
    // A run counts as running before its call has arrived here.
    if (isFinished) answer();
    else held.push(answer);
  });
  const finish = () => {
    isFinished = true;
    for (const answer of held.splice(0)) answer();
  };
  return { target, finish };
}

async function runsOver(api: ApiProcess, id: string, count: number): Promise<Body[]> {
  return poll(
    async () => {
      const { body } = await api.http.get(`/tasks/${id}/runs?limit=200`);
      const waiting = body.items.filter((run: Body) => ['pending', 'retrying'].includes(run.status));
      const running = body.items.filter((run: Body) => run.status === 'running');
      return body.items.length >= count && waiting.length === 0 && running.length === 1 && (body.items as Body[]);
    },
    { what: `one run of ${id} to be left`, withinMs: 20_000 },
  );
}

const gaps = [0, 0, 1, 2, 3, 4, 5, 6];

describe.each(noPostgres ? [1] : [1, 2])('where a task replaces its run, with %d replicas', (replicas) => {
  async function start() {
    const api = await startApiProcess();
    const https = [api.http];
    if (replicas === 2) {
      const other = await startReplica({ env: { DATABASE_URL: api.database.url } });
      const http = supertest(other.url);
      await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the second replica' });
      https.push(http);
    }
    return { api, trigger: (id: string, place: number) => https[place % https.length]?.post(`/tasks/${id}/trigger`) };
  }

  test.each([2, 3])('of %d triggers that come together only the last one runs to its end', async (count) => {
    const { api, trigger } = await start();
    const { target, finish } = await hangingTarget();
    const ids = gaps.map((gap, place) => ({ gap, id: `together-${place}` }));
    for (const { id } of ids) await api.createManual(id, { overlap: 'replace', target: `${target.url}/${id}` });
    await Promise.all(
      ids.map(async ({ gap, id }) => {
        const answers: Promise<Body>[] = [];
        for (let n = 0; n < count; n++) {
          if (n > 0 && gap > 0) await outlast(Date.now() + gap);
          answers.push(Promise.resolve(trigger(id, n)).then((answer) => answer as Body));
        }
        for (const { status, text } of await Promise.all(answers)) expect(status, text).toBe(202);
      }),
    );
    for (const { id } of ids) {
      const runs = await runsOver(api, id, count);
      expect(runs).toHaveLength(count);
      const left = runs.filter(({ status }) => status === 'running');
      const gone = runs.filter(({ status }) => status !== 'running');
      expect(left).toHaveLength(1);
      for (const run of gone) {
        expect(['cancelled', 'skipped']).toContain(run.status);
        expect(run.reason).toBe('replaced by a later run');
      }
    }
    finish();
    for (const { id } of ids)
      await poll(
        async () => {
          const { body } = await api.http.get(`/tasks/${id}/runs`);
          return body.items.filter((run: Body) => run.status === 'succeeded').length === 1;
        },
        { what: 'the last run to succeed' },
      );
  });

  test('an occurrence and a trigger about its instant leave the later one', async () => {
    const { api, trigger } = await start();
    const { target, finish } = await hangingTarget();
    const at = Date.now() + 3_000;
    const items = [-6, -3, -1, 0, 1, 3, 6, 20].map((gap, place) => ({ gap, id: `instant-${place}` }));
    await api.http
      .post('/tasks/batch')
      .send({
        items: items.map(({ id }) => ({
          id,
          schedule: { every: '1h', anchor: new Date(at).toISOString() },
          overlap: 'replace',
          target: `${target.url}/${id}`,
        })),
      })
      .expect(200);
    await Promise.all(
      items.map(async ({ gap, id }, place) => {
        await outlast(at + gap);
        await trigger(id, place)?.expect(202);
      }),
    );
    for (const { id } of items) {
      const runs = await runsOver(api, id, 2);
      expect(runs).toHaveLength(2);
      const [latest, earlier] = runs.sort((a, b) => b.scheduledFor.localeCompare(a.scheduledFor));
      expect(['cancelled', 'skipped']).toContain(
        earlier?.scheduledFor === latest?.scheduledFor ? 'skipped' : earlier?.status,
      );
      expect(runs.filter(({ status }) => status === 'running')).toHaveLength(1);
    }
    finish();
  });
});
