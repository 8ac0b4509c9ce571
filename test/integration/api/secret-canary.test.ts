import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTarget, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

/** Every program writes some of its characters in a way of its own. */
const canary = `canary/7f3a "b+c&d" <é> e=f%20`;
const mask = '••••••';
/** As it would come out of a text, a JSON text, a URL, a form, base64 or a dump of bytes. */
const forms = [
  canary,
  JSON.stringify(canary).slice(1, -1),
  encodeURIComponent(canary),
  new URLSearchParams({ a: canary }).toString().slice(2),
  Buffer.from(canary).toString('base64').replace(/=+$/, ''),
  Buffer.from(canary).toString('hex'),
  'canary/7f3a',
];
/** In bytes. */
const keptOfAnswer = 16 * 1024;

let api: Api;
let target: Target;
let foreign: Target;
let db: pg.Client;
beforeAll(async () => {
  const env = { SECRETS_KEYS: Buffer.alloc(32, 1).toString('base64'), LOG_LEVEL: 'trace', LOG_RUNS: 'all' };
  [api, target, foreign] = await Promise.all([startApi(env), startTarget(), startTarget()]);
  db = new pg.Client(api.database.url);
  await db.connect();
  await api.http.put('/secrets/CANARY').send({ value: canary, description: 'found wherever it leaks' }).expect(201);

  target.setBehaviour((response, { headers, body }) => response.end(JSON.stringify({ headers, body })));
  target.setBehaviour('/status', (response, { headers }) => {
    response.writeHead(500, 'Not well', { 'x-echo': String(headers['x-canary']) });
    response.end(`you sent ${headers['x-canary']}, base64 ${Buffer.from(canary).toString('base64')}`);
  });
  target.setBehaviour('/encoded', (response) =>
    response.end(
      forms
        .slice(0, 6)
        .concat(`${encodeURIComponent(canary).toLowerCase()}`)
        .join('\n'),
    ),
  );
  target.setBehaviour('/cut', (response) => response.end('x'.repeat(keptOfAnswer - 12) + canary));
  target.setBehaviour('/slow', (response) => response.write(`so far: ${canary.slice(0, -3)}`));
  target.setBehaviour('/broken', (response, _request, socket) => {
    response.write(`so far: ${canary.slice(0, -3)}`, () => socket.destroy());
  });
  target.setBehaviour('/moved', (response) => {
    response.writeHead(307, { location: `${foreign.url}/there?was=${encodeURIComponent(canary)}` }).end(canary);
  });
  target.setBehaviour('/moved-get', (response) => {
    response.writeHead(302, { location: `${foreign.url}/there` }).end(canary);
  });
  target.setBehaviour('/before', (response) => {
    response.writeHead(200).end(canary);
  });
  target.setBehaviour('/held', (response) => {
    response.writeHead(202).end(canary);
  });
});
afterAll(() => Promise.all([target.close(), foreign.close(), db.end()]));

const headers = { 'x-canary': '{{ secrets.CANARY }}', authorization: 'Bearer {{ secrets.CANARY }}' };
const called = (path: string, more: Body = {}) => ({ url: `${target.url}${path}`, template: true, headers, ...more });
const hook = (path: string) => ({ url: `${target.url}${path}`, template: true, headers });
const taskWith = (id: string, more: Body = {}, of: Body = {}) => ({
  ...{ id, schedule: { manual: true }, target: called(`/${id}`, { body: { value: '{{ secrets.CANARY }}' }, ...of }) },
  ...{ fallback: called('/fallback'), hooks: { onSuccess: hook('/hook'), onFailure: hook('/hook') } },
  ...more,
});
const seen = new Map<string, string>();
async function see(what: string, request: Promise<{ text: string; headers: object }>): Promise<Body> {
  const { text, headers: answered } = await request;
  seen.set(what, JSON.stringify(answered) + text);
  return text === '' ? {} : JSON.parse(text);
}
async function run(task: Body): Promise<Body> {
  await see(`create ${task.id}`, api.http.post('/tasks').send(task));
  const { id } = await see(`trigger ${task.id}`, api.http.post(`/tasks/${task.id}/trigger?wait=5s`).send({}));
  return api.runOver(id);
}

test('a secret that is sent through every path comes out nowhere but in the calls themselves', async () => {
  const echoed = await run(taskWith('echo'));
  expect(echoed.result.output).toContain(`"authorization":"Bearer ${mask}"`);
  expect(JSON.parse(JSON.parse(echoed.result.output).body)).toEqual({ value: mask });
  expect((await run(taskWith('status'))).result.output).toBe(`you sent ${mask}, base64 ${mask}`);
  expect((await run(taskWith('encoded'))).result.output).toBe(Array(7).fill(mask).join('\n'));
  const cut = await run(taskWith('cut'));
  expect(cut.result).toMatchObject({ truncated: true, output: expect.stringMatching(/^x+•{1,6}$/) });
  expect((await run(taskWith('slow', { timeout: '300ms' }))).result.output).toBe(`so far: ${mask}`);
  expect((await run(taskWith('broken'))).result.output).toBe(`so far: ${mask}`);
  const moved = await run(taskWith('moved', {}, { redirect: 'follow' }));
  expect(moved.error.message).toContain('to which a body with a secret is not sent');
  expect((await run(taskWith('moved-get', {}, { redirect: 'follow' }))).status).toBe('succeeded');
  expect(foreign.requests.map(({ path }) => path)).toEqual(['/there']);
  expect(foreign.requests[0]?.headers).not.toHaveProperty('x-canary');
  const broken = taskWith('bad-template', {}, { body: '{{ secrets.CANARY }}', bodyType: 'base64' });
  expect((await run(broken)).error.kind).toBe('internal');
  await run(taskWith('asked', { hooks: { before: hook('/before') } }));

  const held = taskWith('held', { heartbeatTimeout: '1m' });
  await see('create held', api.http.post('/tasks').send(held));
  const { id } = await see('trigger held', api.http.post('/tasks/held/trigger').send({}));
  const [call] = (await target.waitFor((all) => all.some(({ path }) => path === '/held'))).filter(
    ({ path }) => path === '/held',
  );
  const token = String(call?.headers['x-run-token']);
  const report = (path: string, body: object) =>
    api.http.post(`/runs/${id}/${path}`).set('x-run-token', token).send(body);
  expect((await see('heartbeat', report('heartbeat', { progress: { at: canary } }))).progress).toEqual({ at: mask });
  const done = await see('complete', report('complete', { status: 'failed', output: { a: canary }, error: canary }));
  expect([done.result.output, done.error.message]).toEqual([`{"a":"${mask}"}`, mask]);

  await see('batch', api.http.post('/tasks/batch').send({ items: [taskWith('batched'), taskWith('bad id')] }));
  await see('put', api.http.put('/tasks/batched').send({ schedule: { manual: true }, target: called('/other') }));
  await see('bad put', api.http.put('/secrets/CANARY').send({ value: canary, more: canary }));
  await see(
    'no JSON',
    api.http.put('/secrets/CANARY').set('content-type', 'application/json').send(`{"value": "${canary}`),
  );
  await see('too long', api.http.put('/secrets/CANARY').send({ value: canary.repeat(2_000) }));
  await see('wrong name', api.http.put('/secrets/NO-NAME').send({ value: canary }));

  const isHook = ({ path }: { path: string }) => path === '/hook';
  // The end of every run but that of the task whose only hook is asked before.
  const hooked = (await target.waitFor((all) => all.filter(isHook).length === 10)).filter(isHook);
  for (const { headers: sent, body } of hooked) {
    expect(sent['x-canary']).toBe(canary);
    seen.set(`the event ${sent['idempotency-key']}`, body);
  }

  const { body: tasks } = await api.http.get('/tasks');
  const paths = ['/tasks', '/runs', '/secrets', '/cluster', '/audit', '/namespaces', '/me', '/openapi.json'];
  for (const { id: task } of tasks.items)
    paths.push(...['', '/events', '/runs', '/next', '/misses'].map((part) => `/tasks/${task}${part}`));
  const { body: runs } = await api.http.get('/runs?limit=200');
  for (const path of [...paths, ...runs.items.map((one: Body) => `/runs/${one.id}`)])
    seen.set(`GET ${path}`, (await api.http.get(path)).text);
  for (const accept of ['text/plain', 'application/openmetrics-text'])
    seen.set(`metrics as ${accept}`, (await api.http.get('/metrics').set('accept', accept)).text);
  seen.set('the log', api.replica.output());
  const { rows: tables } = await db.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'public'`,
  );
  for (const { name } of tables) {
    const { rows } = await db.query<{ text: string }>(`select t::text as text from ${name} t`);
    seen.set(`the table ${name}`, rows.map(({ text }) => text).join('\n'));
  }
  expect(seen.get('the table public.secrets')).toContain('CANARY');
  expect(seen.get('the log')).toContain('"taskId":"echo"');
  for (const [what, text] of seen)
    for (const form of forms) expect(text.includes(form), `${form} in ${what}`).toBe(false);
});
