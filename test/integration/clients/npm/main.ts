/** Runs both clients against the service at this URL, and prints what they did. */

import { run as heyApi } from './hey-api.ts';
import { run as openapiFetch } from './openapi-fetch.ts';

declare const process: { argv: string[]; stdout: { write(text: string): void } };

const url = process.argv[2] ?? 'http://127.0.0.1:8080';
for (const [name, run] of Object.entries({ 'openapi-fetch': openapiFetch, 'hey-api': heyApi }))
  for (const line of await run(url)) process.stdout.write(`${name}: ${line}\n`);
