import { createHash, createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTarget, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

const mask = '••••••';
const roles = ['reader', 'operator', 'admin'] as const;
type Role = (typeof roles)[number];

let api: Api;
let target: Target;
const serviceSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
beforeAll(async () => {
  const hash = (role: Role) => createHash('sha256').update(`${role}-key`).digest('hex');
  const env = {
    API_KEYS: roles.map((role) => `${role}:${role}:${hash(role)}`).join(','),
    SIGNING_SECRETS: serviceSecret,
  };
  [api, target] = await Promise.all([startApi(env), startTarget()]);
});
afterAll(() => target.close());

type Method = 'get' | 'post' | 'put' | 'patch';
function ask(role: Role, method: Method, path: string, body?: object, headers: Record<string, string> = {}) {
  const request = api.http[method](path).set('authorization', `Bearer ${role}-key`).set(headers);
  return body === undefined ? request : request.send(body);
}

/** A value that is found wherever it leaks. */
const canary = 'canary-7f3a';
const credentials = {
  authorization: `Bearer ${canary}`,
  cookie: `sid=${canary}`,
  'x-api-key': canary,
  'X-Auth-Token': canary,
  'X-Hub-Signature': canary,
  'x-client-secret': canary,
  'X-Password': canary,
  'x-auth': canary,
  'x-forwarded-by': `Basic ${canary}`,
};
const open = { 'x-tenant': 'a', 'content-type': 'application/json', 'x-author': 'ann' };
const headers = { ...credentials, ...open };
const lower = (of: Record<string, string>, value?: string) =>
  Object.fromEntries(Object.entries(of).map(([name, own]) => [name.toLowerCase(), value ?? own]));
const masked = { ...lower(credentials, mask), ...lower(open) };
const plain = lower(headers);

const taskWith = (id: string, more: Body = {}) => ({
  id,
  schedule: { manual: true },
  target: { url: `${target.url}/${id}`, headers },
  fallback: { url: `${target.url}/fallback`, headers },
  hooks: { before: { url: `${target.url}/before`, headers }, onSuccess: { url: `${target.url}/told`, headers } },
  ...more,
});
const headersOf = ({ target: called, fallback, hooks }: Body) => [
  called.headers,
  fallback.headers,
  hooks.before.headers,
  hooks.onSuccess.headers,
];

describe('credentials in headers', () => {
  test('are shown to admins alone, whatever the answer', async () => {
    const created = await ask('admin', 'post', '/tasks', taskWith('seen')).expect(201);
    expect(headersOf(created.body)).toEqual(Array(4).fill(plain));
    const batch = await ask('admin', 'post', '/tasks/batch', { items: [taskWith('seen-too')] }).expect(200);
    expect(headersOf(batch.body.items[0].task)).toEqual(Array(4).fill(plain));
    const patched = await ask('admin', 'patch', '/tasks/seen', { description: 'x' }).expect(200);
    expect(headersOf(patched.body)).toEqual(Array(4).fill(plain));
    expect(headersOf((await ask('admin', 'get', '/tasks/seen')).body)).toEqual(Array(4).fill(plain));
    // Changed and changed back, so that events tell of them.
    await ask('admin', 'patch', '/tasks/seen', { target: { headers: { 'x-more': 'y' } }, fallback: null, hooks: null });
    await ask('admin', 'put', '/tasks/seen', { ...taskWith('seen'), id: undefined }).expect(200);

    for (const role of ['reader', 'operator'] as const) {
      const one = await ask(role, 'get', '/tasks/seen').expect(200);
      expect(headersOf(one.body)).toEqual(Array(4).fill(masked));
      const list = await ask(role, 'get', '/tasks?q=seen').expect(200);
      for (const item of list.body.items) expect(headersOf(item)).toEqual(Array(4).fill(masked));
    }
    const answers: { text: string; body: Body }[] = [];
    for (const step of ['stop', 'start'])
      answers.push(await ask('operator', 'post', `/tasks/seen/${step}`).expect(200));
    for (const { body } of answers) expect(headersOf(body)).toEqual(Array(4).fill(masked));
    answers.push(await ask('operator', 'post', '/tasks/seen/trigger', {}, { prefer: 'wait=10' }).expect(202));
    for (const path of ['/tasks', '/tasks/seen', '/tasks/seen/events', '/tasks/seen/runs', '/runs'])
      for (const role of ['reader', 'operator'] as const) answers.push(await ask(role, 'get', path).expect(200));
    // Events are the same for everybody.
    const events = await ask('admin', 'get', '/tasks/seen/events').expect(200);
    expect(events.body.items.find(({ changes }: Body) => changes?.fallback?.to).changes.fallback.to.headers).toEqual(
      masked,
    );
    for (const { text } of [...answers, events]) expect(text).not.toContain(canary);
    expect(api.replica.output()).not.toContain(canary);
  });

  test('are shown when a creation is asked for again', async () => {
    const key = { 'idempotency-key': 'again' };
    const first = await ask('admin', 'post', '/tasks', taskWith('again'), key).expect(201);
    const again = await ask('admin', 'post', '/tasks', taskWith('again'), key).expect(201);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.body).toEqual(first.body);
  });

  test('that come back masked are unchanged', async () => {
    await ask('admin', 'post', '/tasks', taskWith('back')).expect(201);
    const { body: seen, headers: answered } = await ask('reader', 'get', '/tasks/back').expect(200);
    const { id, version, createdAt, updatedAt, nextRunAt, lastRun, ...input } = seen;

    const same = await ask('admin', 'put', '/tasks/back', input, { 'if-match': `${answered.etag}` }).expect(200);
    expect([same.body.version, same.headers.etag]).toEqual([version, answered.etag]);
    expect(headersOf(same.body)).toEqual(Array(4).fill(plain));

    const patch = { target: { headers: { Authorization: mask, 'X-Api-Key': 'new', 'x-auth-token': null } } };
    const { body } = await ask('admin', 'patch', '/tasks/back', patch).expect(200);
    const { 'x-auth-token': _, ...rest } = plain;
    expect(body.target.headers).toEqual({ ...rest, 'x-api-key': 'new' });
    expect(body.version).toBe(version + 1);
  });

  test.each<[string, Body, string]>([
    [
      'a target that has no such header',
      { target: { url: 'http://127.0.0.1:9/', headers: { 'x-key': mask } } },
      '#/target/headers/x-key',
    ],
    [
      'a fallback that was not there',
      { fallback: { url: 'http://127.0.0.1:9/', headers: { 'x-a/b~': mask } } },
      '#/fallback/headers/x-a~1b~0',
    ],
    [
      'a hook that was not there',
      { hooks: { onFailure: { url: 'http://127.0.0.1:9/', headers: { Cookie: mask } } } },
      '#/hooks/onFailure/headers/Cookie',
    ],
    ['a signing secret that was not there', { signing: { secret: mask } }, '#/signing/secret'],
  ])('masked in %s are refused', async (what, more, pointer) => {
    const id = what.replaceAll(' ', '-');
    const task = { schedule: { manual: true }, target: 'http://127.0.0.1:9/' };
    const refused = [
      await ask('admin', 'put', `/tasks/${id}`, { ...task, ...more }),
      await ask('admin', 'post', '/tasks', { ...task, ...more, id }),
    ];
    await ask('admin', 'put', `/tasks/${id}`, task).expect(201);
    refused.push(await ask('admin', 'put', `/tasks/${id}`, { ...task, ...more }));
    refused.push(await ask('admin', 'patch', `/tasks/${id}`, more));
    for (const { status, body } of refused)
      expect([status, body.errors]).toEqual([422, [{ pointer, detail: expect.stringContaining(mask) }]]);
    expect((await ask('admin', 'get', `/tasks/${id}`)).body.version).toBe(1);
  });

  test('masked in part are no header', async () => {
    const masks = { target: { url: 'http://127.0.0.1:9/', headers: { authorization: `Bearer ${mask}` } } };
    const { body } = await ask('admin', 'post', '/tasks', { schedule: { manual: true }, ...masks }).expect(422);
    expect(body.errors[0].pointer).toBe('#/target/headers/authorization');
  });
});

describe('a signing secret of the task', () => {
  const secretOf = (byte: number) => `whsec_${Buffer.alloc(24, byte).toString('base64')}`;
  const signed = (secret: string, { headers: sent, body }: Target['requests'][number]) => {
    const key = Buffer.from(secret.slice(6), 'base64');
    const text = `${sent['webhook-id']}.${sent['webhook-timestamp']}.${body}`;
    return `v1,${createHmac('sha256', key).update(text).digest('base64')}`;
  };
  const call = async (id: string) => {
    const before = target.requests.length;
    await ask('operator', 'post', `/tasks/${id}/trigger`, {}, { prefer: 'wait=10' }).expect(202);
    await target.waitFor((requests) => requests.length > before);
    return target.requests[before] as Target['requests'][number];
  };

  test('signs before the secrets of the service, and can be changed over', async () => {
    const task = { id: 'own', schedule: { manual: true }, target: `${target.url}/own` };
    await ask('admin', 'post', '/tasks', { ...task, signing: { secret: secretOf(1) } }).expect(201);
    const first = await call('own');
    expect(first.headers['webhook-signature']).toBe(`${signed(secretOf(1), first)} ${signed(serviceSecret, first)}`);

    const both = { signing: { secret: ` ${secretOf(2)},\n${secretOf(1)}` } };
    await ask('admin', 'patch', '/tasks/own', both).expect(200);
    const second = await call('own');
    expect(second.headers['webhook-signature']).toBe(
      `${signed(secretOf(2), second)} ${signed(secretOf(1), second)} ${signed(serviceSecret, second)}`,
    );

    await ask('admin', 'patch', '/tasks/own', { signing: null }).expect(200);
    const third = await call('own');
    expect(third.headers['webhook-signature']).toBe(signed(serviceSecret, third));
  });

  test('signs the calls of hooks too', async () => {
    const hooks = { before: `${target.url}/signed-before`, onSuccess: `${target.url}/signed-told` };
    const task = { id: 'hooked', schedule: { manual: true }, target: `${target.url}/hooked`, hooks };
    await ask('admin', 'post', '/tasks', { ...task, signing: { secret: secretOf(3) } }).expect(201);
    await ask('operator', 'post', '/tasks/hooked/trigger').expect(202);
    for (const path of ['/signed-before', '/signed-told']) {
      const requests = await target.waitFor((all) => all.some((one) => one.path === path), 20_000);
      const hook = requests.find((one) => one.path === path) as Target['requests'][number];
      expect(hook.headers['webhook-signature']).toBe(`${signed(secretOf(3), hook)} ${signed(serviceSecret, hook)}`);
    }
  });

  test('is shown to nobody, and unchanged when its mask comes back', async () => {
    const task = { schedule: { manual: true }, target: `${target.url}/hidden` };
    const shown = { secret: mask };
    const created = await ask('admin', 'put', '/tasks/hidden', { ...task, signing: { secret: secretOf(4) } }).expect(
      201,
    );
    const same = await ask('admin', 'put', '/tasks/hidden', { ...task, signing: shown }).expect(200);
    expect([created.body.signing, same.body.signing, same.body.version]).toEqual([shown, shown, 1]);
    const patched = await ask('admin', 'patch', '/tasks/hidden', { description: 'x', signing: shown }).expect(200);
    expect([patched.body.signing, patched.body.version]).toEqual([shown, 2]);
    const hidden = await call('hidden');
    expect(hidden.headers['webhook-signature']).toContain(signed(secretOf(4), hidden));
    await ask('admin', 'patch', '/tasks/hidden', { signing: { secret: secretOf(5) } }).expect(200);
    const answers = [await ask('admin', 'get', '/tasks/hidden'), await ask('admin', 'get', '/tasks/hidden/events')];
    expect(answers[1]?.body.items[0].changes).toEqual({ signing: { from: shown, to: shown } });
    for (const { text } of answers) expect(text).not.toContain('whsec_');
  });

  test.each([
    ['no secret', {}, 'must be given'],
    ['blanks only', { secret: ' , ' }, 'must be 1 to 4 signing secrets'],
    ['another prefix', { secret: 'sk_abc' }, 'does not begin with "whsec_"'],
    ['no base64', { secret: 'whsec_ä' }, 'is not base64 after "whsec_"'],
    ['too few bytes', { secret: 'whsec_AAAA' }, 'must hold 24 to 64 bytes'],
    ['a second that is bad', { secret: `${secretOf(1)} whsec_AAAA` }, 'number 2 must hold 24 to 64 bytes'],
    [
      'too many',
      { secret: Array.from({ length: 5 }, (_, i) => secretOf(i)).join(' ') },
      'must be 1 to 4 signing secrets',
    ],
  ])('of %s is refused', async (_, signing, detail) => {
    const task = { schedule: { manual: true }, target: 'http://127.0.0.1:9/', signing };
    const { body } = await ask('admin', 'post', '/tasks', task).expect(422);
    expect(body.errors).toEqual([{ pointer: '#/signing/secret', detail }]);
  });

  test.each([[7], [{ secret: 7 }], [{ secret: '' }], [{ secret: 'x', more: 1 }]])(
    '%j has the wrong form',
    async (signing) => {
      const task = { schedule: { manual: true }, target: 'http://127.0.0.1:9/', signing };
      await ask('admin', 'post', '/tasks', task).expect(400);
    },
  );
});
