import { once } from 'node:events';
import { readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Clock, systemClock } from '../../../../src/clock.ts';
import { guardFolder } from '../../../../src/store/embedded/folder-guard.ts';
import { poll } from '../../../poll.ts';
import { newFolder } from './processes.ts';

const note = (folder: string) => join(folder, 'holder.json');
/** What a process of another container says of itself: even its host name may be ours. */
const stranger = JSON.stringify({ pid: 7, host: hostname(), scope: 'elsewhere', since: 1 });

/** The real clock, with everything that is waited for coming `times` as soon. */
function hastened(times: number): Clock & { waited(): number } {
  const start = systemClock.monotonic();
  const monotonic = () => (systemClock.monotonic() - start) * times;
  return {
    now: systemClock.now,
    monotonic,
    uptime: systemClock.uptime,
    after: (ms, run) => systemClock.after(ms / times, run),
    waited: monotonic,
  };
}

async function guard(folder: string, clock: Clock = systemClock) {
  const lost: string[] = [];
  const result = await guardFolder(folder, clock, (reason) => lost.push(reason));
  if (result.ok) onTestFinished(() => result.value.release());
  return { ...result, lost };
}

test('of many who ask at the same moment exactly one gets the folder, and the others are told who', async () => {
  const folder = await newFolder();
  for (let round = 0; round < 5; round++) {
    const all = await Promise.all(Array.from({ length: 8 }, () => guard(folder, hastened(0.1))));
    const refused = all.flatMap((each) => (each.ok ? [] : [each.errors]));
    expect(refused).toEqual(
      Array(7).fill(
        `the folder ${folder} is in use by process ${process.pid} on ${hostname()}; two processes cannot share an embedded store`,
      ),
    );
    for (const each of all) if (each.ok) await each.value.release();
    expect(await readdir(folder)).toEqual([]);
  }
});

test('what a dead process of this machine left is taken over at once', async () => {
  const folder = await newFolder();
  const first = await guard(folder);
  const left = JSON.stringify({ ...JSON.parse(await readFile(note(folder), 'utf8')), pid: 7 });
  if (first.ok) await first.value.release();
  await writeFile(note(folder), left);
  const clock = hastened(1);
  expect((await guard(folder, clock)).ok).toBe(true);
  expect(clock.waited()).toBeLessThan(9_000);
  expect(await readFile(note(folder), 'utf8')).not.toBe(left);
});

test('a holder in another container with our host name is believed while it gives signs of life', async () => {
  const folder = await newFolder();
  await writeFile(note(folder), stranger);
  // Its clock may be a day behind: only that it moves counts.
  let at = new Date(systemClock.now() - 86_400_000);
  await utimes(note(folder), at, at);
  const signs = setInterval(() => {
    at = new Date(at.getTime() + 2_000);
    void utimes(note(folder), at, at);
  }, 100);
  onTestFinished(() => clearInterval(signs));
  const result = await guard(folder);
  expect(result).toMatchObject({ ok: false, errors: expect.stringContaining('is in use by process 7 on ') });
  expect(await readFile(note(folder), 'utf8')).toBe(stranger);
});

test.each([
  ['a holder elsewhere', stranger],
  ['one killed while it wrote its note', ''],
])('%s is believed dead after ten seconds of silence', async (_, text) => {
  const folder = await newFolder();
  await writeFile(note(folder), text);
  // A clock of its own that is a day ahead does not keep it alive.
  const ahead = new Date(systemClock.now() + 86_400_000);
  await utimes(note(folder), ahead, ahead);
  const clock = hastened(20);
  expect((await guard(folder, clock)).ok).toBe(true);
  expect(clock.waited()).toBeGreaterThanOrEqual(10_000);
});

test('the note is touched while the folder is held', async () => {
  const folder = await newFolder();
  await guard(folder, hastened(20));
  const seen = new Set<number>();
  await poll(async () => seen.add((await stat(note(folder))).mtimeMs).size >= 3, { what: 'three different times' });
});

test('who was taken for dead learns of it, and leaves the other in peace', async () => {
  const folder = await newFolder();
  const held = await guard(folder, hastened(20));
  await writeFile(note(folder), stranger);
  await poll(() => held.lost.length > 0, { what: 'the loss to be seen' });
  expect(held.lost).toEqual([`the folder ${folder} is in use by process 7 on ${hostname()}`]);
  if (held.ok) await held.value.release();
  expect(await readFile(note(folder), 'utf8')).toBe(stranger);
});

describe.skipIf(process.platform !== 'linux')('another user who takes the name of the lock', () => {
  async function squat(folder: string, answer: (socket: Socket) => void): Promise<Server> {
    const { dev, ino } = await stat(folder);
    const server = createServer((socket) => {
      socket.on('error', () => {}).resume();
      answer(socket);
    });
    await once(server.listen({ path: `\0punctual-${dev}-${ino}` }), 'listening');
    onTestFinished(() => void server.close());
    return server;
  }

  test.each<[string, (socket: Socket) => void]>([
    ['says nothing', () => {}],
    ['hangs up', (socket) => socket.destroy()],
    ['says what holders said once', (socket) => socket.end(stranger)],
    ['talks without end', (socket) => socket.write('x'.repeat(1 << 20))],
    ['sends the question back', (socket) => socket.pipe(socket)],
  ])('and %s keeps nobody out, and lets nobody in', async (_, answer) => {
    const folder = await newFolder();
    const squatter = await squat(folder, answer);
    const first = await guard(folder, hastened(20));
    expect(first.ok).toBe(true);
    expect((await guard(folder, hastened(20))).ok).toBe(false);
    // Nor once the name is free.
    await new Promise((done) => {
      squatter.close(done);
      squatter.unref();
    });
    expect((await guard(folder, hastened(20))).ok).toBe(false);
    expect(first.lost).toEqual([]);
  });

  test('learns nothing from the holder that would help it later', async () => {
    const folder = await newFolder();
    await guard(folder);
    const { dev, ino } = await stat(folder);
    const socket = connect({ path: `\0punctual-${dev}-${ino}` }).setEncoding('utf8');
    let heard = '';
    socket.on('data', (chunk: string) => {
      heard += chunk;
    });
    socket.write('anything\n');
    await once(socket, 'close');
    const { secret } = JSON.parse(await readFile(note(folder), 'utf8'));
    expect(heard).toMatch(/^[0-9a-f]{64}$/);
    expect([secret.length, (await stat(note(folder))).mode & 0o777]).toEqual([43, 0o600]);
  });
});

test('a note that is a link is not followed', async () => {
  const [folder, elsewhere] = [await newFolder(), await newFolder()];
  await writeFile(join(elsewhere, 'precious'), stranger);
  await symlink(join(elsewhere, 'precious'), note(folder));
  const before = await stat(join(elsewhere, 'precious'));
  await expect(guard(folder)).rejects.toThrow(/ELOOP/);
  expect((await stat(join(elsewhere, 'precious'))).mtimeMs).toBe(before.mtimeMs);
});

test('a note that somebody removed is written again', async () => {
  const folder = await newFolder();
  const held = await guard(folder, hastened(20));
  await rm(note(folder));
  await poll(async () => (await readdir(folder)).includes('holder.json'), { what: 'the note' });
  expect(held.lost).toEqual([]);
});
