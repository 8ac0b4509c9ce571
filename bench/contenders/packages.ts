/** Loads a package from the folder into which the peers were installed, which this project does not depend on. */

import { createRequire } from 'node:module';
import { join } from 'node:path';

/** What the package exports; the caller says what it uses of that. */
export function loadPackage<T>(name: string): T {
  return createRequire(join(process.env.PACKAGES ?? '', 'package.json'))(name) as T;
}
