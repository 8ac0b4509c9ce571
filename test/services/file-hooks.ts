/**
 * Runs the clean-up at the end of every test file. A set-up file of vitest, see vitest.config.ts: it is evaluated anew
 * for each file, and the steps are kept in a module that is not, so that files which share a process share it too.
 */

import { afterAll } from 'vitest';
import { endOrphan, runFileEnd } from './file-end.ts';

// A worker whose vitest was killed would go on with its test, and keep what the test started, for up to its timeout.
if (!process.listeners('disconnect').includes(endOrphan)) process.once('disconnect', endOrphan);

// Hooks of a set-up file are registered before the file's own, and hooks at the end run in reverse order.
afterAll(runFileEnd);
