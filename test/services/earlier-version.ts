/** Builds the version that an upgrade starts from, out of the history of this repository. */

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { atFileEnd } from './file-end.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The commit that `test/upgrade-from.txt` names: the last release, or the last commit that changed a released table.
 */
export async function earlierCommit(): Promise<string> {
  return (await readFile(join(root, 'test/upgrade-from.txt'), 'utf8')).trim();
}

/** Whether this copy of the repository has the commit; a shallow clone or an export may lack it. */
export async function hasCommit(commit: string): Promise<boolean> {
  return run('git', ['-C', root, 'cat-file', '-e', `${commit}^{commit}`]).then(
    () => true,
    () => false,
  );
}

/** Builds the commit in a folder of its own, with the packages that are installed here; gives back its main.js. */
export async function buildCommit(commit: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-earlier-'));
  atFileEnd(() => rm(folder, { recursive: true, force: true }));
  const archive = join(folder, 'source.tar');
  await run('git', ['-C', root, 'archive', '--output', archive, commit]);
  await run('tar', ['-xf', archive, '-C', folder]);
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    cwd: folder,
  });
  return join(folder, 'dist/main.js');
}
