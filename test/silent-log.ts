/** A log that writes nothing. */

import { createLogger } from '../src/observability/log.ts';

export const silent = createLogger({ level: 'silent', format: 'json', version: '0' });
