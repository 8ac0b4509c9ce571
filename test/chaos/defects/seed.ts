/** Makes a copy of the built program with one defect in it. */

import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Defect } from './defects.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Its main.js. Rejects when a text to be replaced is not there exactly once: the defect has to be written anew. */
export async function seedDefect({
  name,
  replacements,
}: Defect): Promise<{ program: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), `punctual-defect-${name}-`));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    for (const each of ['dist', 'migrations', 'package.json'])
      await cp(join(root, each), join(folder, each), { recursive: true });
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    await mkdir(join(folder, 'data'));
    for (const { file, find, put } of replacements) {
      const path = join(folder, file);
      const text = await readFile(path, 'utf8');
      const places = text.split(find).length - 1;
      if (places !== 1) throw new Error(`defect ${name}: its text is ${places} times in ${file}, not once: ${find}`);
      await writeFile(
        path,
        text.replace(find, () => put),
      );
    }
    return { program: join(folder, 'dist', 'main.js'), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
