/** The built files of the console: where they are, and the page that loads them below a path prefix. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The files, or null where the console was not built. */
export type ConsoleFiles = {
  /** The folder that holds them. */
  folder: string;
  /** The text of index.html. Its links lead below `basePath`. */
  page: string;
};

const builtFolder = fileURLToPath(new URL('../../console/', import.meta.url));

/** Reads the page once. `basePath` is the path prefix of the service, empty where there is none. */
export function readConsoleFiles(basePath: string, folder = builtFolder): ConsoleFiles | null {
  try {
    const page = readFileSync(`${folder}/index.html`, 'utf8');
    // The build links relative to the page, whose address has any depth.
    return { folder, page: page.replaceAll('="./', `="${basePath}/console/`) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
