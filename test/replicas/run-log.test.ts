/** Logs of runs with two real replicas, and the commands of their page. */

import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEvents } from '../event-client.ts';
import { poll } from '../poll.ts';
import { noPostgres } from '../services/provided.ts';
import { startShell } from '../services/shell.ts';
import { startTwoReplicas } from '../services/two-replicas.ts';
import { startTarget, status, type Target } from '../target.ts';

const page = await readFile(new URL('../../docs/runs.md', import.meta.url), 'utf8');

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});

type Replica = Awaited<ReturnType<typeof startTwoReplicas>>['one'];

/** A run of a target that has answered 202. */
async function held({ http }: Replica, id: string) {
  target.setBehaviour(`/${id}`, status(202));
  const task = { schedule: { manual: true }, target: `${target.url}/${id}`, heartbeatTimeout: '1h' };
  await http.put(`/tasks/${id}`).send(task).expect(201);
  const { body } = await http.post(`/tasks/${id}/trigger`).send({}).expect(202);
  await poll(async () => (await http.get(`/runs/${body.id}`)).body.heartbeatDueAt !== null, {
    what: 'the run to be held',
  });
  const call = target.requests.filter(({ path }) => path === `/${id}`).at(-1);
  return { id: body.id as string, token: String(call?.headers['x-run-token']) };
}

type Held = Awaited<ReturnType<typeof held>>;

const append = ({ http }: Replica, { id, token }: Held, offset: number, text: string) =>
  http.post(`/runs/${id}/log?offset=${offset}`).set('x-run-token', token).set('content-type', 'text/plain').send(text);
const complete = ({ http }: Replica, { id, token }: Held) =>
  http.post(`/runs/${id}/complete`).set('x-run-token', token).send({});
const follow = ({ url }: Replica, { id }: Held, lastId = '0') =>
  openEvents(`${url}/runs/${id}/log/follow`, { 'last-event-id': lastId });
type Stream = Awaited<ReturnType<typeof follow>>;
const textOf = ({ events }: Stream) => events.map(({ event, data }) => (event === 'log' ? data : '')).join('');

describe.skipIf(noPostgres)('two replicas', () => {
  test('show each other the log within a second, and its end', { timeout: 60_000 }, async () => {
    const { one, two } = await startTwoReplicas({ TARGET_DENY: 'none' });
    const run = await held(one, 'far');
    const streams = [await follow(one, run), await follow(two, run)];
    let text = '';
    for (const [line, writer] of [one, two, one].entries()) {
      await append(writer, run, text.length, `line ${line}\n`).expect(200);
      text += `line ${line}\n`;
      for (const stream of streams)
        await poll(() => textOf(stream) === text, { what: `the line ${line}`, withinMs: 1_000 });
    }
    await complete(one, run).expect(200);
    for (const stream of streams)
      expect(await stream.next('end', { withinMs: 1_000 })).toMatchObject({ id: String(text.length) });
    for (const { http } of [one, two])
      expect((await http.get(`/runs/${run.id}/log`)).headers).toMatchObject({ 'x-log-complete': 'true' });
  });

  test('keep whole pieces when the one that takes them is killed, and the writer goes on at the other', {
    timeout: 60_000,
  }, async () => {
    const { one, two } = await startTwoReplicas({ TARGET_DENY: 'none', LEASE_TTL: '2s' });
    const run = await held(two, 'killed');
    const stream = await follow(one, run);
    const piece = 'x'.repeat(50_000);
    let sent = 0;
    for (let count = 0; count < 5; count++, sent += piece.length) await append(one, run, sent, piece).expect(200);
    const lost = append(one, run, sent, piece).then(
      () => {},
      () => {},
    );
    one.kill('SIGKILL');
    await Promise.all([one.exited, lost, poll(() => stream.ended(), { what: 'the stream to end' })]);
    const { body } = await two.http.get(`/runs/${run.id}`).expect(200);
    expect([sent, sent + piece.length]).toContain(body.log.bytes);
    // Whether the last piece was taken or not, it can be sent again.
    await append(two, run, sent, `${piece}end`).expect(200);
    await complete(two, run).expect(200);
    const lastId = stream.events.at(-1)?.id ?? '0';
    const again = await follow(two, run, lastId);
    await again.next('end');
    expect(textOf(stream) + textOf(again)).toBe(`${'x'.repeat(sent + piece.length)}end`);
  });

  test('say goodbye to followers when they shut down', { timeout: 60_000 }, async () => {
    const { one } = await startTwoReplicas({ TARGET_DENY: 'none' });
    const stream = await follow(one, await held(one, 'drained'));
    one.kill('SIGTERM');
    await stream.next('goodbye');
    await poll(() => stream.ended(), { what: 'the stream to end' });
  });

  test('answer the commands of docs/runs.md as it says', { timeout: 60_000 }, async () => {
    const { one } = await startTwoReplicas({ TARGET_DENY: 'none' });
    const run = await held(one, 'page');
    const shell = startShell();
    await shell.run(`export X_RUN_ID=${run.id} X_RUN_TOKEN=${run.token}`);
    const [, section = ''] = /^## Logs\n(.*?)^## /ms.exec(page) ?? [];
    const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands);
    expect(blocks).toHaveLength(2);
    for (const commands of blocks) {
      const output = await shell.run(commands.replaceAll('localhost:8080', new URL(one.url).host));
      for (const [, answer] of commands.matchAll(/^# → (.+)$/gm)) expect(output, commands).toContain(answer);
    }
  });
});
