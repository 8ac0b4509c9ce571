import { execFileSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createFullDiskAlarm } from '../../../src/store/postgres/full-disk.ts';
import { atFileEnd } from '../../services/file-end.ts';
import { startProgram } from '../../services/process.ts';
import { newFolder, said, startReady } from './ready.ts';

/** Of the system, not of this project. */
const [mount, unmount] = ['mount', 'umount'] as const;

/** A disk of so many MiB, in memory. Linux, and root. */
async function smallDisk(size: number): Promise<string> {
  const folder = await newFolder();
  execFileSync(mount, ['-t', 'tmpfs', '-o', `size=${size}m`, 'none', folder], { stdio: 'ignore' });
  atFileEnd(async () => void execFileSync(unmount, ['-l', folder]));
  return folder;
}
const canMount = await smallDisk(1).then(
  () => true,
  () => false,
);

async function fill(disk: string): Promise<string> {
  const path = join(disk, 'fill');
  await writeFile(path, Buffer.alloc(256 << 20)).catch((error: NodeJS.ErrnoException) =>
    expect(error.code).toBe('ENOSPC'),
  );
  return path;
}
const sentence = (folder: string) =>
  `the disk that holds ${folder} is full: make room on it; what was written is not lost, leave it where it is`;

test.skipIf(!canMount)('a disk too small for the data is named at the first start', { timeout: 120_000 }, async () => {
  const disk = await smallDisk(20);
  const folder = join(disk, 'data');
  const started = await startProgram({ env: { DATA_DIR: folder } });
  expect(await started.exited).toBe(1);
  expect(said(started)).toEqual([`Punctual cannot serve: ${sentence(folder)}`]);
  expect(await readdir(folder)).toEqual([]);
});

test.skipIf(!canMount)(
  'a disk that fills up is named while it runs and at the next start, and then all is there',
  {
    timeout: 180_000,
  },
  async () => {
    const disk = await smallDisk(120);
    const folder = join(disk, 'data');
    const first = await startReady({ env: { DATA_DIR: folder } });
    const task = { id: 'kept', schedule: { manual: true }, target: 'http://127.0.0.1:9/' };
    await first.http.post('/tasks').send(task).expect(201);
    const filler = await fill(disk);
    const large = { ...task, id: 'large', target: { url: 'http://127.0.0.1:9/', body: 'x'.repeat(200_000) } };
    const { body } = await first.http.post('/tasks').send(large).expect(503);
    expect(body.detail).toBe('the disk of the database is full: nothing can be written until there is room on it');
    const { body: ready } = await first.http.get('/readyz').expect(503);
    expect(ready.failing).toEqual({ disk: sentence(folder) });
    expect(
      first
        .logs()
        .filter(({ level }) => level === 'error')
        .map(({ msg }) => msg),
    ).toEqual([
      'the disk of the database is full: make room on it; what was written is not lost, leave it where it is',
    ]);
    await first.stop();

    const second = await startProgram({ env: { DATA_DIR: folder } });
    expect(await second.exited).toBe(1);
    expect(said(second)).toEqual([`Punctual cannot serve: ${sentence(folder)}`]);
    expect(await readdir(folder)).toEqual(['postgres']);

    await rm(filler);
    const third = await startReady({ env: { DATA_DIR: folder } });
    await third.http.get('/tasks/kept').expect(200);
  },
);

test('a full disk of a Postgres elsewhere is said once, and believed for a while', () => {
  let at = 0;
  const lines: unknown[] = [];
  const error = (line: unknown) => void lines.push(line);
  const alarm = createFullDiskAlarm(() => at, { error });
  const full = new Error('could not write', { cause: Object.assign(new Error('no space'), { code: '53100' }) });
  alarm.note(new Error('something else'));
  expect([alarm.fault(), lines.length]).toEqual([null, 0]);
  for (; at < 60_000; at += 5_000) alarm.note(full);
  expect(lines).toEqual([expect.stringMatching(/^the disk of the database is full: /)]);
  expect(alarm.fault()).toBe(lines[0]);
  at += 15_000;
  expect(alarm.fault()).toBeNull();
});
