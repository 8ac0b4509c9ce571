import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { newFolder, startReady } from './ready.ts';

const residentMb = async (pid: number) =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;

/** It was 473 MB, and 580 where the data had just been made. */
test.skipIf(process.platform !== 'linux')(
  'with the embedded store an idle replica needs half of what it did',
  {
    timeout: 180_000,
  },
  async () => {
    const folder = await newFolder();
    for (const most of [400, 340]) {
      const replica = await startReady({ env: { DATA_DIR: folder } });
      // What the start needed is given back after a while.
      const needed = await poll(
        async () => {
          const now = await residentMb(replica.pid);
          return now <= most && now;
        },
        { what: `at most ${most} MB`, withinMs: 30_000, everyMs: 200 },
      );
      expect(needed).toBeGreaterThan(100);
      expect(await replica.stop()).toBe(0);
    }
  },
);
