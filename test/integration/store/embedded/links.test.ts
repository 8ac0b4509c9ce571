import { mkdir, readdir, realpath, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import { startEmbedded } from '../../../../src/store/embedded/embedded.ts';
import { newFolder, startHolder } from './processes.ts';

/** What opening this folder is refused with. */
async function refusal(dataDir: string): Promise<string> {
  const opened = await startEmbedded({ dataDir, clock: systemClock, onDeath: (why) => expect.unreachable(why) });
  if (!opened.ok) return opened.errors;
  await opened.value.stop();
  throw new Error('it was opened');
}
const followsNone = (folder: string, link: string) =>
  `the folder ${folder} cannot be used: ${link} is a symbolic link, and the store follows none; set DATA_DIR to where the data is`;

let elsewhere: string;
beforeAll(async () => {
  elsewhere = await newFolder();
});

test.each(['', '/', '/.', '/../link'])('DATA_DIR%s that is a link is refused, also one to nowhere', async (end) => {
  const folder = await newFolder();
  const link = join(folder, 'link');
  for (const to of [elsewhere, join(elsewhere, 'missing')]) {
    await symlink(to, link);
    expect(await refusal(`${link}${end}`)).toBe(followsNone(link, link));
    await rename(link, `${link}-${to.length}`);
  }
  expect(await readdir(elsewhere)).toEqual([]);
});

test.each(['postgres', 'postgres.new', 'holder.json', 'holder.lock'])(
  'a link as %s is refused and left alone',
  async (name) => {
    const [folder, precious] = [await newFolder(), await newFolder()];
    await mkdir(join(precious, 'sub'), { mode: 0o755 });
    await writeFile(join(precious, 'sub', 'file'), 'mine');
    const to = name.startsWith('holder') ? join(precious, 'sub', 'file') : join(precious, 'sub');
    await symlink(to, join(folder, name));
    const before = await stat(to);
    expect(await refusal(folder)).toBe(followsNone(folder, join(folder, name)));
    expect((await stat(to)).mode).toBe(before.mode);
    expect((await stat(to)).mtimeMs).toBe(before.mtimeMs);
    expect(await readdir(folder)).toEqual([name]);
  },
);

test.each(['PG_VERSION', 'pg_wal', 'base/1/1259'])('a link in the data as %s is refused', async (name) => {
  const folder = await newFolder();
  const path = join(folder, 'postgres', name);
  await mkdir(join(path, '..'), { recursive: true });
  await symlink(elsewhere, path);
  expect(await refusal(folder)).toBe(followsNone(folder, path));
});

test('a folder below a link is ordinary', { timeout: 120_000 }, async () => {
  const parent = await newFolder();
  await symlink(elsewhere, join(parent, 'link'));
  const holder = startHolder(join(parent, 'link', 'data'));
  await holder.saying('started');
  expect((await stat(join(elsewhere, 'data'))).mode & 0o777).toBe(0o700);
  expect((await stat(join(elsewhere, 'data', 'postgres'))).mode & 0o777).toBe(0o700);
  expect(await realpath(join(parent, 'link'))).toBe(elsewhere);
  expect(await holder.stop()).toBe(0);
});
