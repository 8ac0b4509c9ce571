import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createDatabase } from '../services/database.ts';
import { startProvider } from '../services/openid/provider.ts';
import { freePort } from '../services/port.ts';
import { type Replica, startReplica } from '../services/process.ts';
import { startShell } from '../services/shell.ts';

const page = await readFile(new URL('../../docs/teams.md', import.meta.url), 'utf8');

/**
 * The blocks of commands of a page, each with what its answers hold by the lines `# → …`, in the text of this test
 * instead of the page's.
 */
function blocksOf(text: string, replaced: Record<string, string>): { commands: string; answers: string[] }[] {
  const here = Object.entries(replaced).reduce((all, [theirs, ours]) => all.replaceAll(theirs, ours), text);
  return [...here.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => ({
    commands,
    answers: [...commands.matchAll(/^# → (.+)$/gm)].map(([, answer = '']) => answer),
  }));
}

test('every command of docs/teams.md works on an empty cluster, in its order', { timeout: 120_000 }, async () => {
  const [database, port] = [await createDatabase(), await freePort()];
  const shell = startShell();
  // The test starts the program itself, with what the page has exported. Here it only lasts until it is killed.
  await shell.run('npm() { exec sleep 600; }');
  let replica: Replica | null = null;
  const issuer = await startProvider({ redirectUri: `http://localhost:${port}/auth/callback` });
  issuer.setClaims('joe', { email: 'joe@example.org', email_verified: true, groups: ['billing'] });
  issuer.nextPerson('joe');
  const blocks = blocksOf(page, {
    'https://issuer.example/realms/staff': issuer.issuer,
    'the-secret-that-the-issuer-gave': issuer.clientSecret,
    'postgres://punctual:secret@localhost/punctual': database.url,
    'localhost:8080': `localhost:${port}`,
  });
  expect(blocks.length).toBeGreaterThanOrEqual(4);
  for (const { commands, answers } of blocks) {
    const output = await shell.run(commands);
    if (commands.includes('npm start')) {
      await replica?.stop();
      replica = await startReplica({ env: settingsOf(await shell.run('env -0'), port) });
    }
    for (const answer of answers) expect(output, commands).toContain(answer);
    const problems = [...output.matchAll(/"status":([45]\d\d)/g)].map(([status]) => status);
    expect(problems, `${commands}\n${output}`).toEqual(answers.filter((answer) => answer.startsWith('"status":')));
  }
});

/** The variables that the page has exported, as `env -0` wrote them, without those of the test itself. */
function settingsOf(written: string, port: number): Record<string, string> {
  const all = written.split('\0').flatMap((line) => {
    const [, name = '', value = ''] = /^(\w+)=(.*)$/s.exec(line) ?? [];
    return name === '' || process.env[name] !== undefined || name === '_' ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(all), PORT: String(port), SHUTDOWN_GRACE: '0s' };
}
