/** How the built program is started: the arguments for Node are those of `npm start`. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { scripts: { start: string } };

export const builtProgram = fileURLToPath(new URL('dist/main.js', root));

/** What comes between `node` and the program's own arguments, the program included. */
export const nodeArguments = scripts.start
  .split(' ')
  .slice(2)
  .map((argument) => (argument === 'dist/main.js' ? builtProgram : argument));
