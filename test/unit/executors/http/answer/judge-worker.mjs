/** The judge's thread from its source, so that its tests need no build: Node 20 runs no TypeScript by itself. */

import { register } from 'tsx/esm/api';

register();
await import('../../../../../src/executors/http/answer/judge-worker.ts');
