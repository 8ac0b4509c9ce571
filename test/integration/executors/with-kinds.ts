/** A replica with kinds of target besides HTTP, and two callers. */

import { createHash } from 'node:crypto';
import supertest from 'supertest';
import type { ExecutorKind } from '../../../src/executors/kind.ts';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { startInProcess } from '../../services/in-process.ts';

const roles = ['reader', 'admin'] as const;

/** Ready to be asked; ended after the file. */
export async function startWithKinds(otherKinds: readonly ExecutorKind[]) {
  const { url: databaseUrl } = await createDatabase();
  const keys = roles.map((role) => `${role}:${role}:${createHash('sha256').update(`${role}-key`).digest('hex')}`);
  const { url } = await startInProcess({ env: { DATABASE_URL: databaseUrl, API_KEYS: keys.join(',') }, otherKinds });
  const http = supertest(url);
  await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
  return {
    http,
    databaseUrl,
    ask(method: 'get' | 'post' | 'put' | 'patch', path: string, body?: object, role: (typeof roles)[number] = 'admin') {
      const request = http[method](path).set('authorization', `Bearer ${role}-key`);
      return body === undefined ? request : request.send(body);
    },
  };
}
