import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { poll } from '../../poll.ts';
import { newFolder } from '../../replicas/process/ready.ts';
import { freePort } from '../../services/port.ts';
import { startTarget, status } from '../../target.ts';
import { startApi } from './client.ts';

const page = await readFile(new URL('../../../docs/hooks.md', import.meta.url), 'utf8');

test('the receiver that docs/hooks.md shows takes what is genuine, once, and nothing else', async () => {
  const program = /^```js\n(.*?)^```$/ms.exec(page)?.[1] ?? '';
  const file = join(await newFolder(), 'receiver.mjs');
  await writeFile(file, program);
  const secret = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
  const port = await freePort();
  const receiver = spawn(process.execPath, [file], {
    env: { PORT: String(port), WEBHOOK_SECRET: secret },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void receiver.kill('SIGKILL'));
  let output = '';
  receiver.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  const url = `http://127.0.0.1:${port}/`;
  const forged = { method: 'POST', body: '{}', headers: { 'webhook-id': 'x', 'webhook-signature': 'v1,AAAA' } };
  await poll(async () => (await fetch(url, forged)).status === 401, { what: 'the receiver to refuse a forged call' });

  const [api, target] = await Promise.all([
    // The newer secret is not known to the receiver yet.
    startApi({ SIGNING_SECRETS: `whsec_${Buffer.alloc(32, 9).toString('base64')} ${secret}` }),
    startTarget(),
  ]);
  onTestFinished(() => target.close());
  target.setBehaviour('/report', status(500));
  // The task that the page shows is one that can be made.
  const [, shown = ''] = /-d '(.*?)'\n```/s.exec(page) ?? [];
  await api.http.put('/tasks/shown').send(JSON.parse(shown)).expect(201);
  await api.createManual('report', { target: `${target.url}/report`, hooks: { onFailure: url, onSuccess: url } });
  await api.http.post('/tasks/report/trigger').set('prefer', 'wait=10').expect(202);
  await poll(() => /punctual\.run\.failed report\n/.test(output), { what: 'the receiver to hear of the failure' });
  expect(output.split('\n')).toHaveLength(2);
  await poll(async () => /outcome="delivered"\} 1/.test((await api.http.get('/metrics')).text), {
    what: 'the delivery to be done',
  });
});
