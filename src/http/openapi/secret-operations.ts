/** The calls about secrets, for the contract. */

import type { Operation } from './operation.ts';

/** By method and path, as the routes write them. */
export const secretOperations: Readonly<Record<string, Operation>> = {
  'PUT /secrets/:name': {
    id: 'putSecret',
    description:
      'Tasks use it as `{{ secrets.NAME }}` in headers and body of a target with `template: true`. Every replica uses a new value within about a second. 503 `secrets_off` where no keys are set.',
    errors: [409, 422],
    answers: { 200: { description: 'The secret.' }, 201: { description: 'The new secret.' } },
    example: { value: 's3cr3t-t0ken', description: 'The token of the billing service' },
  },
  'GET /secrets': {
    id: 'listSecrets',
    description: 'Nobody can read the values, owners neither.',
    answers: { 200: { description: 'A page of the list.', headers: ['Link'] } },
  },
  'DELETE /secrets/:name': {
    id: 'deleteSecret',
    description: '409 `in_use` while tasks use it; with `force` their runs fail from then on.',
    errors: [409],
    answers: { 204: { description: 'It is gone.' } },
  },
  'POST /secrets/rewrap': {
    id: 'rewrapSecrets',
    description:
      'In all namespaces, for after a key was added in front of `SECRETS_KEYS`. To be called until `remaining` is 0. Values are used, set and deleted meanwhile.',
    answers: { 200: { description: 'How many were wrapped, and how many are left.' } },
  },
};
