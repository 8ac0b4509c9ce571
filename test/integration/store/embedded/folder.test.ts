import { execFileSync } from 'node:child_process';
import { readdir, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import { poll } from '../../../poll.ts';
import { newFolder, type Said, startHolder } from './processes.ts';

const isRoot = process.getuid?.() === 0;
const nobody = 65_534;
/** Runs what follows in a network of its own, as a container does. Linux, and root. */
const apart = ['unshare', '--net'] as const;

function canLeaveNetwork(): boolean {
  try {
    const [command, ...args] = apart;
    execFileSync(command, [...args, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A folder with data in it that was closed in order. */
async function madeFolder(): Promise<string> {
  const folder = await newFolder();
  const maker = startHolder(folder);
  await maker.saying('started');
  expect(await maker.stop()).toBe(0);
  return folder;
}

describe('a process killed with SIGKILL', () => {
  test('while it inserts has lost nothing that was acknowledged, and no half of a transaction is there', {
    timeout: 180_000,
  }, async () => {
    const folder = await newFolder();
    const acknowledged = new Map<number, number>();
    for (let round = 1; round <= 3; round++) {
      const holder = startHolder(folder, { task: 'insert' });
      const mine = () => holder.said().filter((each): each is Required<Said> => each.acknowledged !== undefined);
      await poll(() => mine().length >= 40 * round, { what: 'rows', withinMs: 60_000, everyMs: 1 });
      await holder.kill();
      for (const each of mine()) acknowledged.set(each.round, each.acknowledged);
    }
    expect([...acknowledged.keys()]).toEqual([1, 2, 3]);

    // Of each round come n = 0, 1, 2, …: even ones with one row, odd ones with three, up to what was acknowledged.
    const rows = await query(
      folder,
      'select round, n, count(*)::integer as parts from kept group by 1, 2 order by 1, 2',
    );
    for (const [round, last] of acknowledged) {
      const found = rows.filter((row) => row.round === round);
      expect(found.map(({ n, parts }) => [n, parts])).toEqual(found.map((_, n) => [n, n % 2 === 0 ? 1 : 3]));
      expect(found.length).toBeGreaterThan(last);
    }
  });

  test.each([
    ['while it makes the data', 'postgres.new/base/1'],
    ['when the data is all but made', 'postgres.new/PG_VERSION'],
    ['when the data has just been made', 'postgres/PG_VERSION'],
  ])('%s leaves a folder that can be used', { timeout: 120_000 }, async (_, sign) => {
    const folder = await newFolder();
    const first = startHolder(folder);
    await poll(
      () =>
        stat(join(folder, sign)).then(
          () => true,
          () => false,
        ),
      { what: sign, withinMs: 60_000, everyMs: 1 },
    );
    await first.kill();
    const second = startHolder(folder);
    expect(await second.saying('started')).toMatch(/^18/);
    expect(await readdir(folder)).toEqual(['holder.json', 'postgres']);
    expect(await second.stop()).toBe(0);
  });
});

describe('a second process', () => {
  test('is refused even while the holder is frozen', { timeout: 60_000 }, async () => {
    const folder = await newFolder();
    const holder = startHolder(folder);
    await holder.saying('started');
    holder.signal('SIGSTOP');
    expect(await startHolder(folder).saying('refused')).toContain(`${folder} is in use by process ${holder.pid} on `);
    holder.signal('SIGCONT');
    expect(await holder.stop()).toBe(0);
  });

  test.skipIf(!canLeaveNetwork())(
    'is refused in another network namespace, as in a second container with the same volume',
    { timeout: 60_000 },
    async () => {
      const folder = await newFolder();
      const holder = startHolder(folder);
      await holder.saying('started');
      const other = startHolder(folder, { under: [...apart] });
      expect(await other.saying('refused')).toContain(`${folder} is in use by process ${holder.pid} on `);
      expect(await holder.stop()).toBe(0);
    },
  );
});

describe('a folder that will not do', () => {
  test('because its data has lost PG_VERSION is refused and not written over', { timeout: 60_000 }, async () => {
    const folder = await madeFolder();
    await unlink(join(folder, 'postgres/PG_VERSION'));
    const before = await readdir(join(folder, 'postgres'), { recursive: true });
    expect(await startHolder(folder).saying('refused')).toBe(
      `the data in ${folder} is not whole: ${folder}/postgres lacks the file PG_VERSION`,
    );
    expect(await readdir(join(folder, 'postgres'), { recursive: true })).toEqual(before);
    expect(await readdir(folder)).toEqual(['postgres']);
  });

  test.each([
    ['its control file is garbage', (data: string) => writeFile(join(data, 'global/pg_control'), 'x'.repeat(8_192))],
    ['a part of it is missing', (data: string) => rm(join(data, 'pg_wal'), { recursive: true })],
  ])('because %s is refused with what to do', { timeout: 60_000 }, async (_, damage) => {
    const folder = await madeFolder();
    await damage(join(folder, 'postgres'));
    const refused = await startHolder(folder).saying('refused');
    expect(refused).toContain(`the data in ${folder} cannot be opened (`);
    expect(refused).toContain(`put a copy of it back, or move ${folder}/postgres away`);
    expect(await readdir(folder)).toEqual(['postgres']);
  });

  test.skipIf(!isRoot)('because we may not write to it is named', { timeout: 60_000 }, async () => {
    const folder = await newFolder();
    execFileSync('chmod', ['755', folder]);
    for (const path of [folder, join(folder, 'below')])
      expect(await startHolder(path, { uid: nobody }).saying('refused')).toMatch(
        new RegExp(`^the folder ${path} cannot be used: EACCES: `),
      );
    expect(await readdir(folder)).toEqual([]);
  });
});

/** Rows of the store in a folder that nobody holds, read by this process. */
async function query(folder: string, text: string): Promise<Record<string, number>[]> {
  const built = (await import(
    new URL('../../../../dist/store/embedded/embedded.js', import.meta.url).href
  )) as typeof import('../../../../src/store/embedded/embedded.ts');
  const opened = await built.startEmbedded({
    dataDir: folder,
    clock: systemClock,
    onDeath: (why) => expect.unreachable(why),
  });
  if (!opened.ok) throw new Error(opened.errors);
  const client = new pg.Client(opened.value.connection);
  await client.connect();
  const { rows } = await client.query<Record<string, number>>(text);
  await client.end();
  await opened.value.stop();
  return rows;
}
