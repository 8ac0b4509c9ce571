/** `/me`: who the caller is, and what it may do. */

import { Type } from 'typebox';
import { roles } from '../../../domain/access/role.ts';
import { readIdentity } from '../../../usecases/read-identity.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { choice } from '../../schemas/schemas.ts';

export function meRoutes(app: App, context: HttpContext): void {
  app.get(
    '/me',
    {
      config: { role: readIdentity.needs, scope: 'cluster' },
      schema: {
        summary: 'Who the caller is',
        tags: ['service'],
        response: {
          200: Type.Object(
            {
              subject: Type.String({
                description: 'As events name it: `key:ci`, `user:ann@example.org`, `anonymous`.',
              }),
              via: choice(['key', 'jwt', 'session', 'none'], { description: 'How it signed in; `none` without auth.' }),
              bindings: Type.Array(
                Type.Object({
                  role: choice(roles),
                  namespace: Type.String({ description: '`*` for all namespaces.' }),
                }),
              ),
              namespaces: Type.Array(Type.String(), { description: 'Those that it has a role in.' }),
            },
            { named: 'Identity' },
          ),
        },
      },
    },
    async (request) => {
      const { name, via, grants, namespaces } = valueOrThrow(await readIdentity(context, callerOf(request), null));
      const bindings = grants.map(({ role, namespace }) => ({ role, namespace }));
      return { subject: name, via, bindings, namespaces };
    },
  );
}
