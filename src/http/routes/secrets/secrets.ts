/** `/secrets`: values that tasks use and nobody can read. */

import { Type } from 'typebox';
import { formatInstant } from '../../../domain/input/instant.ts';
import { largestSecret, secretNamePattern } from '../../../domain/secrets/secret.ts';
import { deleteSecret } from '../../../usecases/secrets/delete-secret.ts';
import { listSecrets } from '../../../usecases/secrets/list-secrets.ts';
import { putSecret } from '../../../usecases/secrets/put-secret.ts';
import type { UsedSecret } from '../../../usecases/secrets/used-secret.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { decodeCursor, sendPage } from '../../output/paging.ts';
import { optional, text } from '../../schemas/parts.ts';
import { closed, cursorQuery, limitQuery, pageOf } from '../../schemas/schemas.ts';

const secretName = Type.Unsafe<string>({
  type: 'string',
  pattern: secretNamePattern,
  patternHint: 'must be 1 to 128 letters, digits and underscores, the first no digit',
});
const params = closed({ name: secretName });

export function secretRoutes(app: App, context: HttpContext): void {
  app.put(
    '/secrets/:name',
    {
      config: { role: putSecret.needs },
      schema: {
        summary: 'Set the value of a secret',
        tags: ['secrets'],
        params,
        body: closed(
          {
            value: Type.Unsafe<string>(text(largestSecret, { minLength: 1, description: 'Never shown again.' })),
            description: optional(text(1_024, { description: 'Stays as it is when absent.' })),
          },
          { named: 'SecretInput' },
        ),
        response: { 200: Type.Ref('Secret#'), 201: Type.Ref('Secret#') },
      },
    },
    async (request, reply) => {
      const { name } = request.params as { name: string };
      const { value, description } = request.body as { value: string; description?: string | null };
      const put = valueOrThrow(await putSecret(context, callerOf(request), { name, value, description }));
      return reply.code(put.created ? 201 : 200).send(secretView(put));
    },
  );

  app.get(
    '/secrets',
    {
      config: { role: listSecrets.needs },
      schema: {
        summary: 'List secrets by name, without their values',
        tags: ['secrets'],
        querystring: closed({ limit: limitQuery, cursor: cursorQuery }),
        response: { 200: pageOf('Secret') },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query as { limit: number; cursor?: string };
      const after = decodeCursor(cursor, (name) => new RegExp(secretNamePattern).test(name));
      const found = valueOrThrow(await listSecrets(context, callerOf(request), { after, limit }));
      return sendPage(context.turns, reply, found, secretView, ({ name }) => name);
    },
  );

  app.delete(
    '/secrets/:name',
    {
      config: { role: deleteSecret.needs },
      schema: {
        summary: 'Delete a secret that no task uses',
        tags: ['secrets'],
        params,
        querystring: closed({
          force: Type.Optional(Type.Boolean({ default: false, description: 'Also while tasks use it.' })),
        }),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { name } = request.params as { name: string };
      const { force = false } = request.query as { force?: boolean };
      valueOrThrow(await deleteSecret(context, callerOf(request), { name, force }));
      return reply.code(204).send();
    },
  );
}

function secretView({ name, version, description, createdAt, updatedAt, lastUsedAt, usedBy, hasMore }: UsedSecret) {
  return {
    ...{ name, version, description },
    createdAt: formatInstant(createdAt),
    updatedAt: formatInstant(updatedAt),
    lastUsedAt: lastUsedAt === null ? null : formatInstant(lastUsedAt),
    usedBy,
    usedByMore: hasMore,
  };
}
