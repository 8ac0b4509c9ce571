/** The table of access: every route of the contract, and who may call it. */

import type { Role } from '../../../../src/domain/access/role.ts';

/**
 * A role is needed in the namespace that the request acts in: such a route also exists below /ns. `cluster` marks what
 * belongs to no namespace, and the role is needed anywhere; `anyone` is whoever has signed in. `hides`: it is about a
 * namespace, and one that the caller has no role in is not there. `token` is the target of a run.
 */
export type Access = Role | 'token' | 'public' | { cluster: Role | 'anyone'; hides?: true };

/** Paths as the contract writes them, without the twins below /ns. A route that is not here fails the test. */
export const routes: Readonly<Record<string, Access>> = {
  'GET /livez': 'public',
  'GET /readyz': 'public',
  'GET /healthz': 'public',
  'GET /metrics': 'public',
  'GET /cluster': { cluster: 'reader' },
  'GET /console/config': 'public',
  'GET /stream': 'reader',
  'GET /me': { cluster: 'anyone' },
  'GET /namespaces': { cluster: 'reader' },
  'GET /namespaces/{id}': { cluster: 'reader', hides: true },
  'PUT /namespaces/{id}': { cluster: 'owner' },
  'DELETE /namespaces/{id}': { cluster: 'owner', hides: true },
  'POST /keys': { cluster: 'admin' },
  'GET /keys': { cluster: 'admin' },
  'DELETE /keys/{id}': { cluster: 'admin' },
  'POST /bindings': { cluster: 'admin' },
  'GET /bindings': { cluster: 'admin' },
  'DELETE /bindings/{id}': { cluster: 'admin' },
  'GET /auth/login': 'public',
  'GET /auth/callback': 'public',
  'POST /auth/session': 'public',
  'POST /auth/logout': 'public',
  'GET /audit': { cluster: 'admin' },
  'POST /tasks': 'admin',
  'GET /tasks': 'reader',
  'POST /tasks/batch': 'admin',
  'GET /tasks/{id}': 'reader',
  'PUT /tasks/{id}': 'admin',
  'PATCH /tasks/{id}': 'admin',
  'DELETE /tasks/{id}': 'admin',
  'POST /tasks/{id}/start': 'operator',
  'POST /tasks/{id}/stop': 'operator',
  'POST /tasks/{id}/trigger': 'operator',
  'POST /tasks/{id}/test': 'operator',
  'POST /targets/test': 'admin',
  'POST /bulk': 'operator',
  'GET /bulk/{id}': 'reader',
  'GET /tasks/{id}/next': 'reader',
  'GET /tasks/{id}/events': 'reader',
  'GET /tasks/{id}/misses': 'reader',
  'POST /tasks/{id}/backfill': 'operator',
  'GET /tasks/{id}/runs': 'reader',
  'GET /runs': 'reader',
  'GET /stats': 'reader',
  'GET /forecast': 'reader',
  'GET /runs/{id}': 'reader',
  'POST /runs/{id}/cancel': 'operator',
  'POST /runs/{id}/retry': 'operator',
  'GET /runs/{id}/log': 'reader',
  'GET /runs/{id}/log/follow': 'reader',
  'POST /runs/{id}/log': 'token',
  'POST /runs/{id}/complete': 'token',
  'POST /runs/{id}/heartbeat': 'token',
  'POST /schedules/preview': 'reader',
  'PUT /secrets/{name}': 'admin',
  'GET /secrets': 'admin',
  'DELETE /secrets/{name}': 'admin',
  'POST /secrets/rewrap': { cluster: 'owner' },
};

/** Open to everybody, and not part of the contract that they show. */
export const hidden = [
  'GET /openapi.json',
  'GET /docs',
  'GET /docs/',
  'GET /docs/json',
  'GET /docs/static/swagger-ui.css',
];
