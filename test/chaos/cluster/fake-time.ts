/** Gives processes a wrong clock by libfaketime, where that is installed. */

import { access, chmod, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The library, or null where there is none. */
export async function findFakeTime(): Promise<string | null> {
  const parents = [
    '/usr/lib',
    '/usr/local/lib',
    ...(await readdir('/usr/lib').catch(() => [])).map((name) => `/usr/lib/${name}`),
  ];
  for (const parent of parents) {
    const path = join(parent, 'faketime', 'libfaketimeMT.so.1');
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return null;
}

/**
 * The environment of a process whose wall clock is off by what `file` says (`+0`, `+86400`, read again every second).
 * Its monotonic clock stays right, as that of a machine whose clock was set wrong.
 */
export function fakedByFile(library: string, file: string): Record<string, string> {
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}

/** A folder of Postgres programs that run the real ones with a clock that is ahead by so many seconds. */
export async function fakedPrograms(library: string, binaries: string, aheadSeconds: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-chaos-'));
  await chmod(folder, 0o755);
  const offset = `${aheadSeconds < 0 ? '-' : '+'}${Math.abs(aheadSeconds).toFixed(3)}`;
  for (const name of ['initdb', 'postgres']) {
    const script = `#!/bin/sh\nexport LD_PRELOAD='${library}' FAKETIME='${offset}' FAKETIME_DONT_FAKE_MONOTONIC=1\nexec '${join(binaries, name)}' "$@"\n`;
    await writeFile(join(folder, name), script, { mode: 0o755 });
  }
  return folder;
}
