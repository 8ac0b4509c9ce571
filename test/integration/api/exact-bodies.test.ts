import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startTarget, status, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([startApi(), startTarget()]);
});
afterAll(() => target.close());
beforeEach(() => target.setBehaviour(status(200)));

const exact =
  '{"id":12345678901234567890,"price":1.10,"huge":1e400,"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},"list":[0.1000000000000000055,-9007199254740993,"12345678901234567890"]}';

const send = (method: 'post' | 'put' | 'patch', path: string, text: string, headers: Record<string, string> = {}) =>
  api.http[method](path).set('content-type', 'application/json').set(headers).send(text);

/** What the target is sent, and what reading the task shows. */
async function received(id: string): Promise<{ sent: string; shown: string }> {
  const before = target.requests.length;
  const { body } = await api.http.post(`/tasks/${id}/trigger`).set('prefer', 'wait=10').expect(202);
  expect(body.status).toBe('succeeded');
  const { text } = await api.http.get(`/tasks/${id}`).expect(200);
  return { sent: target.requests[before]?.body ?? '', shown: text };
}

const taskText = (body: string, more = '') =>
  `{"schedule":{"manual":true},"retry":{"multiplier":2.0},"target":{"url":"${target.url}/exact","body":${body}}${more}}`;

test('a body arrives as it was sent, and is shown so, however the task came', async () => {
  await send('put', '/tasks/put', taskText(exact)).expect(201);
  await send('post', '/tasks', taskText(exact, ',"id":"post"')).expect(201);
  const { text } = await send('post', '/tasks/batch', `{"items":[{},${taskText(exact, ',"id":"batch"')}]}`).expect(200);
  expect(text).toContain(`"body":${exact}`);
  await send('put', '/tasks/patch', taskText('{"id":1}')).expect(201);
  await send('patch', '/tasks/patch', `{"target":{"body":${exact}}}`).expect(200);
  for (const id of ['put', 'post', 'batch', 'patch']) {
    const { sent, shown } = await received(id);
    expect(shown).toContain('"multiplier":2,');
    expect(shown).toContain(`"body":${id === 'patch' ? sent : exact}`);
    if (id !== 'patch') expect(sent).toBe(exact);
    else
      for (const part of ['12345678901234567890', '1.10', '1e400', '"__proto__":{"admin":true}'])
        expect(sent).toContain(part);
  }
  const { text: list } = await api.http.get('/tasks?limit=200').expect(200);
  expect(list).toContain(`"body":${exact}`);
  expect(list).not.toContain('bodyText');
  expect(JSON.parse(list).items).toHaveLength(4);
});

test('a number alone, and large ones beside others', async () => {
  for (const [id, body] of [
    ['alone', '98765432109876543210'],
    ['beside', '[1,"a",98765432109876543210]'],
  ] as const) {
    await send('put', `/tasks/${id}`, taskText(body)).expect(201);
    expect((await received(id)).sent).toBe(body);
  }
});

test('a patch changes one digit, and leaves the others as they were', async () => {
  await send(
    'put',
    '/tasks/digits',
    taskText('{"a":12345678901234567890,"b":{"c":1.10,"d":1},"__proto__":1.0}'),
  ).expect(201);
  const version = (text: string): number => JSON.parse(text).version;
  const same = await send('patch', '/tasks/digits', '{"target":{"body":{"a":12345678901234567890}}}').expect(200);
  expect(version(same.text)).toBe(1);
  const changed = await send(
    'patch',
    '/tasks/digits',
    '{"target":{"body":{"a":12345678901234567891,"b":{"d":null}}}}',
  ).expect(200);
  expect(version(changed.text)).toBe(2);
  expect((await received('digits')).sent).toBe('{"a":12345678901234567891,"b":{"c":1.10},"__proto__":1.0}');
  await send('patch', '/tasks/digits', '{"target":{"body":{"__proto__":{"x":2.50}}}}').expect(200);
  expect((await received('digits')).sent).toBe('{"a":12345678901234567891,"b":{"c":1.10},"__proto__":{"x":2.50}}');
  await send('patch', '/tasks/digits', '{"description":"other"}').expect(200);
  expect((await received('digits')).sent).toContain('12345678901234567891');
  await send('patch', '/tasks/digits', '{"target":{"body":{"a":1,"b":null,"__proto__":null}}}').expect(200);
  const plain = await received('digits');
  expect([plain.sent, plain.shown.includes('"body":{"a":1}')]).toEqual(['{"a":1}', true]);
});

test('so do bodies with templates, and those of a fallback', async () => {
  const body = '{"id":12345678901234567890,"run":"{{ runId }}","price":1.10,"__proto__":"{{ attempt }}"}';
  const fallback = `,"template":true,"fallback":{"url":"${target.url}/other","body":${body}}`;
  const made = await send('put', '/tasks/template', taskText(body, fallback)).expect(201);
  expect(made.text.split(body)).toHaveLength(3);
  const { sent } = await received('template');
  expect(sent).toMatch(/^\{"id":12345678901234567890,"run":"[0-9a-f-]{36}","price":1.10,"__proto__":"1"\}$/);
  const bad = await send('put', '/tasks/template', taskText('{"a":1.0,"b":"{{ nobody }}"}', ',"template":true')).expect(
    422,
  );
  expect(bad.body.errors[0].pointer).toBe('#/target/body/b');
});

test('an answer that is repeated shows them too, and a body that differs in a digit is another', async () => {
  const text = taskText(exact, ',"id":"keyed"');
  const first = await send('post', '/tasks', text, { 'idempotency-key': 'k' }).expect(201);
  const again = await send('post', '/tasks', text, { 'idempotency-key': 'k' }).expect(201);
  expect([again.text, again.headers['idempotency-replayed']]).toEqual([first.text, 'true']);
  expect(again.text).toContain(`"body":${exact}`);
  await send('post', '/tasks', text.replace('67890,', '67891,'), { 'idempotency-key': 'k' }).expect(422);
});

test('nothing that a client sends takes the place of JSON in an answer', async () => {
  const forged = { '\\u0000json': '[1]', 'x{"\\u0000json":"1"}': '{"\\u0000json":"[1]"}' };
  const { body } = await api.http
    .put('/tasks/forged')
    .send({ schedule: { manual: true }, target: { url: target.url, body: forged }, description: '{"\\u0000json":"1"}' })
    .expect(201);
  expect((body as Body).target.body).toEqual(forged);
  await send('put', '/tasks/forged', taskText('{"\\u0000json":"[1]"}')).expect(400);
});
