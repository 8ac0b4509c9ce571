/** `/secrets/rewrap`: encrypts the keys of all secrets anew. */

import { Type } from 'typebox';
import { rewrapSecrets } from '../../../usecases/secrets/rewrap-secrets.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';

export function rewrapRoutes(app: App, context: HttpContext): void {
  app.post(
    '/secrets/rewrap',
    {
      config: { role: rewrapSecrets.needs, scope: 'cluster' },
      schema: {
        summary: 'Wrap all secrets by the newest key',
        tags: ['secrets'],
        response: {
          200: Type.Object(
            {
              rewrapped: Type.Integer(),
              remaining: Type.Integer({ description: 'Those that another key still wraps, in all namespaces.' }),
            },
            { named: 'Rewrapped' },
          ),
        },
      },
    },
    async (request) => valueOrThrow(await rewrapSecrets(context, callerOf(request), null)),
  );
}
