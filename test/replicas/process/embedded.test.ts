import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { type Started, startProgram } from '../../services/process.ts';
import { hang, startTarget, type Target } from '../../target.ts';
import { allTasks, type Body, isOver, newFolder, runOver, said, startReady } from './ready.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

/** The exit code and what it said, in one: for programs that refuse to start. */
async function refusal(started: Started): Promise<{ code: number | string; said: string[] }> {
  const code = await started.exited;
  return { code, said: said(started) };
}

describe('without any setting', () => {
  test('it keeps its data in ./data, fires, and goes on after kill -9 with tasks and history', {
    timeout: 90_000,
  }, async () => {
    const cwd = await newFolder();
    await mkdir(join(cwd, 'data'));
    await chmod(join(cwd, 'data'), 0o777);
    const first = await startReady({ cwd });
    const making = 'making the embedded store; this first start takes some seconds';
    expect(first.logs().map(({ msg }) => msg)).toContain(making);
    expect(first.output()).not.toMatch(/("version":.*){2}/);
    expect(await mode(join(cwd, 'data'))).toBe('700');
    expect(await mode(join(cwd, 'data/postgres'))).toBe('700');

    target.setBehaviour('/stuck', hang());
    const task = (id: string, more: Body = {}) => ({
      id,
      schedule: '@every 100ms',
      overlap: 'allow',
      target: `${target.url}/${id}`,
      ...more,
    });
    const items = [
      ...['one', 'two', 'three'].map((id) => task(id)),
      task('stuck', { schedule: { manual: true }, timeout: '5m', retry: { maxAttempts: 1 } }),
    ];
    const { body: batch } = await first.http.post('/tasks/batch').send({ items }).expect(200);
    expect(batch.items.map((item: Body) => item.status)).toEqual([201, 201, 201, 201]);
    const stuck = (await first.http.post('/tasks/stuck/trigger').expect(202)).body.id;
    await target.waitFor((requests) => requests.length >= 40 && requests.some(({ path }) => path === '/stuck'));
    const acknowledged = await poll(
      async () => {
        const { body } = await first.http.get('/runs?status=succeeded&limit=200').expect(200);
        return body.items.length >= 20 && (body.items as Body[]);
      },
      { what: 'a history' },
    );
    first.kill('SIGKILL');
    expect(await first.exited).toBe('SIGKILL');
    const before = target.requests.length;

    const second = await startReady({ cwd });
    expect(second.logs().map(({ msg }) => msg)).not.toContain(making);
    expect((await allTasks(second.http)).map(({ id }) => id).sort()).toEqual(['one', 'stuck', 'three', 'two']);
    for (const run of acknowledged)
      expect((await second.http.get(`/runs/${run.id}`).expect(200)).body).toMatchObject({
        status: 'succeeded',
        taskId: run.taskId,
        scheduledFor: run.scheduledFor,
        finishedAt: run.finishedAt,
      });
    // It goes on firing, every task of it.
    await target.waitFor((requests) =>
      ['/one', '/two', '/three'].every((path) => requests.slice(before).some((request) => request.path === path)),
    );
    // What was under way when it died is over, and says why.
    expect(await runOver(second.http, stuck)).toMatchObject({ status: 'lost', error: { kind: 'lost' } });
    for (const id of ['one', 'two', 'three']) await second.http.post(`/tasks/${id}/stop`).expect(200);
    await poll(
      async () => {
        const { body } = await second.http.get('/runs?limit=200').expect(200);
        return (body.items as Body[]).every(isOver);
      },
      { what: 'every run to be over' },
    );
    expect(await second.stop()).toBe(0);
  });

  test('every 201 of a kill -9 at full speed is there afterwards', { timeout: 120_000 }, async () => {
    const cwd = await newFolder();
    const created = new Set<string>();
    for (let round = 1; round <= 3; round++) {
      const replica = await startReady({ cwd });
      const goal = created.size + 60 * round;
      let next = 0;
      const create = async () => {
        for (;;) {
          const id = `r${round}-${next++}`;
          const response = await fetch(`${replica.url}/tasks`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ id, schedule: { manual: true }, target: 'http://127.0.0.1:9/' }),
          });
          if (response.status === 201) created.add(id);
          if (created.size >= goal) replica.kill('SIGKILL');
        }
      };
      await Promise.allSettled(Array.from({ length: 8 }, create));
      expect(await replica.exited).toBe('SIGKILL');
      expect(created.size).toBeGreaterThanOrEqual(goal);
    }
    const last = await startReady({ cwd });
    const found = new Set((await allTasks(last.http)).map(({ id }) => id));
    expect([...created].filter((id) => !found.has(id))).toEqual([]);
    await last.stop();
  });

  test('SIGTERM ends it with 0 and leaves nothing in the folder for temporary things', {
    timeout: 60_000,
  }, async () => {
    const [cwd, temporary] = [await newFolder(), await newFolder()];
    const replica = await startReady({ cwd, env: { TMPDIR: temporary } });
    expect(await readdir(temporary)).toHaveLength(1);
    expect(await replica.stop()).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
    expect(await readdir(join(cwd, 'data'))).toEqual(['postgres']);
  });

  test('the API answers at once while the store works', { timeout: 60_000 }, async () => {
    const replica = await startReady();
    await replica.http.get('/metrics').expect(200); // The lag is measured since the last scrape.
    let working = true;
    const work = (async () => {
      for (let batch = 0; batch < 3; batch++) {
        const items = Array.from({ length: 1_000 }, (_, place) => ({
          id: `b${batch}-${place}`,
          schedule: { manual: true },
          target: 'http://127.0.0.1:9/',
        }));
        await replica.http.post('/tasks/batch').send({ items }).expect(200);
      }
      working = false;
    })();
    const latencies: number[] = [];
    while (working) {
      const asked = performance.now();
      await replica.http.get('/livez').expect(200);
      latencies.push(performance.now() - asked);
    }
    await work;
    expect(Math.max(...latencies)).toBeLessThan(1_500);
    const { text } = await replica.http.get('/metrics').expect(200);
    expect(Number(/^scheduler_event_loop_lag_seconds (\S+)$/m.exec(text)?.[1])).toBeLessThan(1);
  });
});

describe('a folder that somebody has', () => {
  test('is refused to a second process in one sentence with folder and process', { timeout: 60_000 }, async () => {
    const cwd = await newFolder();
    const holder = await startReady({ cwd });
    const { code, said: sentences } = await refusal(await startProgram({ cwd }));
    expect(code).toBe(1);
    expect(sentences).toHaveLength(1);
    expect(sentences[0]).toContain(join(cwd, 'data'));
    expect(sentences[0]).toContain(`process ${holder.pid} `);
    // The holder is none the worse for it.
    await holder.http.get('/readyz').expect(200);
  });

  test('goes to exactly one of two processes that start at the same moment', { timeout: 90_000 }, async () => {
    const cwd = await newFolder();
    for (let round = 0; round < 3; round++) {
      const pair = await Promise.all([startProgram({ cwd }), startProgram({ cwd })]);
      const loser = await Promise.race(pair.map(async (each) => ({ each, ...(await refusal(each)) })));
      const winner = pair.find((each) => each !== loser.each) as Started;
      expect(loser.code).toBe(1);
      expect(loser.said.join('\n')).toContain(`process ${winner.pid} `);
      await poll(() => winner.logs().some((line) => line.msg === 'the lease is held'), {
        what: 'the other to start',
        withinMs: 30_000,
      });
      winner.kill('SIGKILL');
      await winner.exited;
    }
  });
});

describe('a folder that will not do', () => {
  const refused = async (env: Record<string, string>, cwd: string) => refusal(await startProgram({ cwd, env }));

  test('because its data is of another Postgres, is left alone', async () => {
    const cwd = await newFolder();
    await mkdir(join(cwd, 'data/postgres'), { recursive: true });
    await writeFile(join(cwd, 'data/postgres/PG_VERSION'), '17\n');
    const { code, said: sentences } = await refused({}, cwd);
    expect(code).toBe(1);
    expect(sentences).toHaveLength(1);
    expect(sentences[0]).toMatch(/Postgres 17; .* Postgres 18/);
    expect(await readdir(join(cwd, 'data/postgres'))).toEqual(['PG_VERSION']);
  });

  test.each([
    ['is a file', 'file'],
    ['lies below a file', 'file/below'],
  ])('because it %s, is named', async (_, path) => {
    const cwd = await newFolder();
    await writeFile(join(cwd, 'file'), '');
    const { code, said: sentences } = await refused({ DATA_DIR: path }, cwd);
    expect(code).toBe(1);
    expect(sentences).toHaveLength(1);
    expect(sentences[0]).toContain(`${join(cwd, path)} cannot be used`);
  });

  test("because other things are in it, keeps them and everybody's access to them", async () => {
    const cwd = await newFolder();
    await writeFile(join(cwd, 'letter'), 'mine');
    await chmod(cwd, 0o755);
    const { code, said: sentences } = await refused({ DATA_DIR: '.' }, cwd);
    expect(code).toBe(1);
    expect(sentences).toHaveLength(1);
    expect(sentences[0]).toContain(basename(cwd));
    expect(await mode(cwd)).toBe('755');
    expect(await readdir(cwd)).toEqual(['letter']);
  });
});
