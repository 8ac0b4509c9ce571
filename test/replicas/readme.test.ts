import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { poll } from '../poll.ts';
import { type Replica, startReplica } from '../services/process.ts';

const run = promisify(execFile);

let replica: Replica;
beforeAll(async () => {
  replica = await startReplica();
  await poll(async () => (await fetch(`${replica.url}/readyz`)).ok, { what: 'the service to be ready' });
});

test.each([
  ['README.md', 10],
  ['docs/runs.md', 5],
  ['docs/observability.md', 4],
  ['docs/schedules.md', 4],
])('every curl of %s works on a service that was just started, in its order', async (page, fewest) => {
  const text = await readFile(new URL(`../../${page}`, import.meta.url), 'utf8');
  const { port } = new URL(replica.url);
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] as string);
  const commands = blocks
    .flatMap((block) => block.split(/^(?=curl )/m))
    // The target of a run sends the others: run-log.test.ts is one.
    .filter((command) => command.trim() !== '' && !command.includes('$X_RUN_'));
  expect(commands.length).toBeGreaterThanOrEqual(fewest);
  for (const command of commands) {
    const here = command
      .replaceAll('localhost:8080', `localhost:${port}`)
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`);
    const { stdout } = await run('sh', [
      '-c',
      here.replace('curl -sS', "curl -sS --fail-with-body -w '\\n%{http_code}'"),
    ]);
    const [body, code] = [stdout.slice(0, stdout.lastIndexOf('\n')), stdout.slice(stdout.lastIndexOf('\n') + 1)];
    expect(Number(code), `${here}\n${body}`).toBeLessThan(300);
    if (body !== '') JSON.parse(body);
    if (command.includes('prefer: wait')) expect(JSON.parse(body).status).toBe('succeeded');
  }
});

test.each([
  'README.md',
  'docs/runs.md',
  'docs/schedules.md',
  'docs/observability.md',
  'docs/hooks.md',
  'docs/access.md',
  'docs/teams.md',
  'docs/live.md',
])(
  'every URL with ? or & in a command of %s is quoted: zsh takes a bare ? for a pattern of file names',
  async (page) => {
    const text = await readFile(new URL(`../../${page}`, import.meta.url), 'utf8');
    const commands = text.split('\n').filter((line) => line.startsWith('curl '));
    const unquoted = (line: string) =>
      line
        .replace(/ &$/, '')
        .replace(/'[^']*'|"[^"]*"/g, '')
        .replace(/'.*$/, '');
    const bare = commands.filter((line) => /[?&*]/.test(unquoted(line)));
    expect(bare).toEqual([]);
  },
);
