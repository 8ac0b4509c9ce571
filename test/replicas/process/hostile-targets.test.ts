import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import {
  closedPortUrl,
  drip,
  endlessBody,
  endlessHeaders,
  gzipBomb,
  hang,
  raw,
  redirect,
  resetAtOnce,
  resetMidBody,
  slowHeaders,
  startTarget,
  type Target,
} from '../../target.ts';
import { type Body, type Http, isOver, startReady } from './ready.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

const timeoutMs = 1_000;

/** Of each hostile target: its behaviour or URL, and the ends that a run of it may come to. */
const hostile = {
  hang: [hang(), 'timed_out'],
  drip: [drip(200), 'timed_out'],
  'slow-headers': [slowHeaders(200), 'timed_out'],
  'endless-body': [endlessBody(), 'succeeded'],
  'endless-headers': [endlessHeaders(), 'failed'],
  reset: [resetAtOnce(), 'failed'],
  'reset-amid': [resetMidBody(), 'failed'],
  redirect: [redirect('http://169.254.169.254/latest/meta-data/'), 'failed'],
  'gzip-bomb': [gzipBomb(gzipSync(Buffer.alloc(200 * 1024 * 1024))), 'succeeded'],
  'wrong-length': [raw('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort'), 'failed'],
  'no-http': [raw('220 mail.example ESMTP\r\n'), 'failed'],
  'closed-port': ['', 'failed'],
  // Where there is no name server, looking a name up may take longer than the attempt.
  'no-such-name': ['http://nobody.invalid/', 'failed|timed_out'],
} as const;

async function memoryOf(http: Http): Promise<number> {
  const { text } = await http.get('/metrics').expect(200);
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
}

/** Every run of a task, newest first. */
async function runsOf(http: Http, task: string): Promise<Body[]> {
  return (await http.get(`/tasks/${task}/runs?limit=200`).expect(200)).body.items;
}

describe('a replica with targets of every bad kind', () => {
  test('records an end of each within its time, and keeps the beat of a healthy one', { timeout: 90_000 }, async () => {
    const { http, logs, stop } = await startReady({ env: { DATABASE_URL: (await createDatabase()).url } });
    const closed = await closedPortUrl();
    const items: Body[] = [];
    for (const [id, [how]] of Object.entries(hostile)) {
      if (typeof how !== 'string') target.setBehaviour(`/${id}`, how);
      const url = typeof how !== 'string' ? `${target.url}/${id}` : how || closed;
      items.push({ id, schedule: '@every 1s', timeout: `${timeoutMs}ms`, overlap: 'skip', target: url });
    }
    items.push({ id: 'healthy', schedule: '@every 100ms', overlap: 'allow', target: `${target.url}/healthy` });
    const { body } = await http.post('/tasks/batch').send({ items }).expect(200);
    expect(body.items.map((item: Body) => item.status)).toEqual(items.map(() => 201));
    // Once everything has been loaded and called, memory should not grow any more.
    await target.waitFor((requests) => requests.filter(({ path }) => path === '/healthy').length >= 20);
    const memory = await memoryOf(http);
    await target.waitFor((requests) => requests.filter(({ path }) => path === '/healthy').length >= 120, 40_000);
    const grown = (await memoryOf(http)) - memory;
    for (const { id } of items) await http.post(`/tasks/${id}/stop`).expect(200);
    await poll(async () => ((await http.get('/runs?limit=200').expect(200)).body.items as Body[]).every(isOver), {
      what: 'every run to be over',
    });

    for (const [id, [, ends]] of Object.entries(hostile)) {
      const runs = (await runsOf(http, id)).filter((run) => run.startedAt !== null);
      expect([id, runs.length > 2]).toEqual([id, true]);
      for (const run of runs) {
        // A target's answer or the want of one, never the way we handle it.
        expect([id, ends.split('|').includes(run.status), run.error?.kind === 'internal']).toEqual([id, true, false]);
        expect(run.durationMs).toBeLessThan(timeoutMs + 1_500);
        if (run.status !== 'succeeded') expect(run.error.message).not.toBe('');
      }
    }
    // None was led on to the address that the redirect names.
    expect(
      (await runsOf(http, 'redirect')).every((run) => run.startedAt === null || run.result.httpStatus === 302),
    ).toBe(true);

    const beats = (await runsOf(http, 'healthy')).filter((run) => run.trigger === 'schedule');
    expect(beats.length).toBeGreaterThanOrEqual(110);
    expect(beats.every((run) => run.status === 'succeeded')).toBe(true);
    const instants = beats.map((run) => Date.parse(run.scheduledFor));
    expect(instants.slice(1).every((instant, place) => (instants[place] as number) - instant === 100)).toBe(true);
    const lateness = beats.map((run) => run.latenessMs as number).sort((one, other) => one - other);
    expect(lateness[Math.floor(lateness.length * 0.99)]).toBeLessThan(1_000);
    expect(grown).toBeLessThan(150 * 1024 * 1024);
    expect(logs().filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
    expect(await stop()).toBe(0);
  });
});

describe('with SIGNING_SECRETS', () => {
  test('calls carry a signature of Standard Webhooks by every secret', { timeout: 60_000 }, async () => {
    const keys = [Buffer.alloc(24, 1), Buffer.alloc(32, 2)];
    const SIGNING_SECRETS = keys.map((key) => `whsec_${key.toString('base64')}`).join(',');
    const env = { DATABASE_URL: (await createDatabase()).url, SIGNING_SECRETS };
    const { http, output, stop } = await startReady({ env });
    const body = { text: 'päid', n: 1 };
    await http
      .post('/tasks')
      .send({ id: 'signed', schedule: { manual: true }, target: { url: `${target.url}/signed`, body } })
      .expect(201);
    await http.post('/tasks/signed/trigger').set('prefer', 'wait=10').expect(202);
    const call = target.requests.find(({ path }) => path === '/signed');
    const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = call?.headers ?? {};
    expect(JSON.parse(call?.body ?? '')).toEqual(body);
    expect(Math.abs(Date.now() / 1_000 - Number(timestamp))).toBeLessThan(60);
    const expected = keys.map(
      (key) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${call?.body}`).digest('base64')}`,
    );
    expect(signature).toBe(expected.join(' '));
    for (const key of keys) expect(output()).not.toContain(key.toString('base64'));
    await stop();
  });
});
