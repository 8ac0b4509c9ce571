/** The binary: from its first moment on a hangup does not end it; the rest is loaded after that. */

import { setV8Flags } from './v8-flags.ts';

// SIGHUP without a listener ends the process, and loading all the rest takes a second on a busy machine.
process.on('SIGHUP', () => {});
setV8Flags();

await import('./cli/main.ts');
