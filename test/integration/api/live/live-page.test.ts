import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startShell } from '../../../services/shell.ts';
import { startApi } from '../client.ts';

const page = await readFile(new URL('../../../../docs/live.md', import.meta.url), 'utf8');

test('the commands of docs/live.md show what the page says', { timeout: 30_000 }, async () => {
  const api = await startApi({ TARGET_DENY: 'none' });
  const commands = /^```sh\n(.*?)^```$/ms.exec(page)?.[1] ?? '';
  const output = await startShell().run(commands.replaceAll('localhost:8080', new URL(api.url).host));
  const answers = [...commands.matchAll(/^# → (.+)$/gm)].map(([, answer]) => answer);
  expect(answers.length).toBeGreaterThan(2);
  for (const answer of answers) expect(output).toContain(answer);
});

test('docs/live.md names every event and every metric of streams', async () => {
  const api = await startApi();
  const { text } = await api.http.get('/metrics').expect(200);
  const events = [...text.matchAll(/^http_stream_events_total\{event="(\w+)"/gm)].map(([, event]) => event);
  expect(events).toContain('resync');
  for (const event of events) expect(page).toContain(`| \`${event}\` |`);
  expect(text).toMatch(/^http_streams_open/m);
});
