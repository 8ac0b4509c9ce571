/** A replica in the process of the test, on a database of its own, with kinds of target besides HTTP. */

import { createHash } from 'node:crypto';
import supertest from 'supertest';
import { systemClock } from '../../../src/clock.ts';
import type { ExecutorKind } from '../../../src/executors/kind.ts';
import { startService } from '../../../src/replica/replica.ts';
import { createSecrets } from '../../../src/replica/secrets.ts';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { atFileEnd } from '../../services/file-end.ts';
import { silent } from '../../silent-log.ts';
import { settingsOf } from '../deploy/read.ts';

const roles = ['reader', 'admin'] as const;

/** Ready to be asked; ended after the file. */
export async function startInProcess(otherKinds: readonly ExecutorKind[]) {
  const { url: databaseUrl } = await createDatabase();
  const keys = roles.map((role) => `${role}:${role}:${createHash('sha256').update(`${role}-key`).digest('hex')}`);
  const settings = settingsOf({ DATABASE_URL: databaseUrl, HOST: '127.0.0.1', PORT: '0', API_KEYS: keys.join(',') });
  const readSettings = () => ({ ok: true, value: settings }) as const;
  const service = await startService({
    settings,
    secrets: createSecrets({ settings, readSettings, clock: systemClock, log: silent }),
    clock: systemClock,
    log: silent,
    version: '0.0.0',
    tz: process.versions.tz ?? null,
    onFatal(reason) {
      throw new Error(reason);
    },
    otherKinds,
  });
  atFileEnd(() => service.stop());
  const http = supertest(service.url);
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
