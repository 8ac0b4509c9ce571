import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { startTarget, status, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
let target: Target;
let release: () => void = () => {};
beforeAll(async () => {
  target = await startTarget();
  api = await startApi({ MAX_CONCURRENT_RUNS: '1' });
});
afterAll(() => target.close());

const iso = (at: number) => new Date(at).toISOString();
const hour = 3_600_000;

/** Takes the only slot, until `release`. */
async function saturate(): Promise<void> {
  const held: (() => void)[] = [];
  target.setBehaviour('/blocker', (response, request, socket) =>
    held.push(() => status(200)(response, request, socket)),
  );
  await api.http.put('/tasks/blocker').send({ schedule: { manual: true }, target: `${target.url}/blocker` });
  await api.http.post('/tasks/blocker/trigger').expect(202);
  await poll(() => held.length > 0, { what: 'the only slot to be taken' });
  release = () => held.splice(0).forEach((answer) => void answer());
}

const passed = (instant: number) => poll(() => Date.now() > instant + 150, { what: 'the instant to pass' });

async function missesOf(id: string): Promise<Body[]> {
  return (await api.http.get(`/tasks/${id}/misses`).expect(200)).body.items;
}

async function runOf(id: string, at: number): Promise<Body | undefined> {
  const { body } = await api.http.get(`/tasks/${id}/runs`).expect(200);
  return body.items.find((run: Body) => run.scheduledFor === iso(at));
}

const patch = (body: Body) => async (id: string) => {
  const answer = await api.http.patch(`/tasks/${id}`).send(body);
  if (answer.status !== 200) throw new Error(`${id}: ${answer.text}`);
};
const act =
  (name: string, body: Body = {}) =>
  async (id: string) => {
    await api.http.post(`/tasks/${id}/${name}`).send(body).expect(200);
  };
const both = (first: (id: string) => Promise<void>, second: (id: string) => Promise<void>) => async (id: string) => {
  await first(id);
  await second(id);
};
const put = (more: Body) => async (id: string) => {
  const { body } = await api.http.get(`/tasks/${id}`);
  const { version, createdAt, updatedAt, nextRunAt, lastRun, id: _, warnings, ...rest } = body;
  await api.http
    .put(`/tasks/${id}`)
    .send({ ...rest, ...more })
    .expect(200);
};

describe('an occurrence that is due and waits for a slot when its task is', () => {
  type Fate = 'run' | 'made up' | 'stopped' | 'changed' | 'deleted';
  type Case = { act: (id: string) => Promise<void>; fate: Fate; schedule?: Body };
  const casesAt = (at: number): Record<string, Case> => ({
    limited: { act: patch({ maxRuns: 1_000 }), fate: 'run' },
    'limited-put': { act: put({ maxRuns: 1_000 }), fate: 'run' },
    described: { act: patch({ description: 'x', priority: 9, retry: { maxAttempts: 2 } }), fate: 'run' },
    'ended-later': { act: patch({ endsAt: iso(at + 10 * hour) }), fate: 'run' },
    'ended-before-the-next': { act: patch({ endsAt: iso(at + 10) }), fate: 'run' },
    'started-earlier': { act: patch({ startsAt: iso(at - 10 * hour) }), fate: 'run' },
    'anchored-elsewhere': { act: patch({ schedule: { anchor: iso(at - 7 * hour) } }), fate: 'run' },
    'made-more-frequent': { act: patch({ schedule: { every: '30m', anchor: iso(at) } }), fate: 'run' },
    once: { act: patch({ description: 'x' }), fate: 'run', schedule: { at: iso(at) } },
    'once-ended-later': { act: patch({ endsAt: iso(at + hour) }), fate: 'run', schedule: { at: iso(at) } },
    'once-limited': { act: patch({ maxRuns: 3 }), fate: 'run', schedule: { at: iso(at) } },
    'once-moved': { act: patch({ schedule: { at: iso(at + hour) } }), fate: 'changed', schedule: { at: iso(at) } },
    'started-later': { act: patch({ startsAt: iso(at + hour) }), fate: 'changed' },
    shifted: { act: patch({ schedule: { anchor: iso(at + 1) } }), fate: 'changed' },
    'of-another-kind': { act: patch({ schedule: { cron: '0 0 1 1 *' } }), fate: 'changed' },
    'by-hand-from-now-on': { act: patch({ schedule: { manual: true } }), fate: 'changed' },
    stopped: { act: act('stop'), fate: 'stopped' },
    'stopped-without-cancelling': { act: act('stop', { cancel: 'none' }), fate: 'stopped' },
    'stopped-by-patch': { act: patch({ status: 'stopped' }), fate: 'stopped' },
    'stopped-and-started': { act: both(act('stop'), act('start')), fate: 'stopped' },
    'stopped-and-made-up': { act: both(act('stop'), act('start', { catchUp: 'fire_all' })), fate: 'made up' },
    'stopped-and-made-up-once': { act: both(act('stop'), act('start', { catchUp: 'fire_once' })), fate: 'made up' },
    'stopped-once-and-made-up': {
      act: both(act('stop'), act('start', { catchUp: 'fire_once' })),
      fate: 'made up',
      schedule: { at: iso(at) },
    },
    'stopped-limited-and-made-up': {
      act: both(act('stop'), both(patch({ maxRuns: 9 }), act('start', { catchUp: 'fire_all' }))),
      fate: 'made up',
    },
    'stopped-ended-later-and-made-up': {
      act: both(act('stop'), both(patch({ endsAt: iso(at + hour) }), act('start', { catchUp: 'fire_all' }))),
      fate: 'made up',
    },
    deleted: {
      act: async (id) => {
        await api.http.delete(`/tasks/${id}`).expect(204);
      },
      fate: 'deleted',
    },
  });
  let at: number;
  let cases: Record<string, Case>;

  beforeAll(async () => {
    await saturate();
    at = Date.now() + 2_000;
    cases = casesAt(at);
    const every = { every: '1h', anchor: iso(at) };
    const items = Object.entries(cases).map(([id, { schedule = every }]) => ({ id, schedule, target: target.url }));
    const { body } = await api.http.post('/tasks/batch').send({ items }).expect(200);
    expect(body.items.filter((item: Body) => item.status !== 201)).toEqual([]);
    await passed(at);
    await Promise.all(Object.entries(cases).map(([id, each]) => each.act(id)));
    release();
  });

  test.each(Object.keys(casesAt(0)))('%s', async (id) => {
    const { fate } = cases[id] as Case;
    if (fate === 'run' || fate === 'made up') {
      const run = await poll(() => runOf(id, at), { what: 'its run' });
      expect((await api.runOver(run.id)).status).toBe('succeeded');
      expect(run.trigger).toBe(fate === 'run' ? 'schedule' : 'catch_up');
      expect((await missesOf(id)).map(({ reason }) => reason)).toEqual(fate === 'run' ? [] : ['stopped']);
    } else {
      expect(await missesOf(id)).toEqual([
        expect.objectContaining({ from: iso(at), to: iso(at), count: 1, reason: fate }),
      ]);
      expect(await runOf(id, at)).toBeUndefined();
    }
  });
});
