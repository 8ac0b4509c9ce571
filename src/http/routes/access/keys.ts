/** `/keys`: the API keys of the database. */

import { Type } from 'typebox';
import { isUuid } from '../../../domain/input/uuid.ts';
import { createKey, type NewKey } from '../../../usecases/grants/create-key.ts';
import { deleteKey } from '../../../usecases/grants/delete-key.ts';
import { listKeys } from '../../../usecases/grants/list-keys.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { keyView } from '../../output/grant-views.ts';
import { decodeCursor, sendPage } from '../../output/paging.ts';
import { MadeKey, NewKey as NewKeyInput } from '../../schemas/grants.ts';
import { closed, cursorQuery, limitQuery, pageOf } from '../../schemas/schemas.ts';

export function keyRoutes(app: App, context: HttpContext): void {
  app.post(
    '/keys',
    {
      config: { role: createKey.needs, scope: 'cluster' },
      schema: { summary: 'Make an API key', tags: ['access'], body: NewKeyInput, response: { 201: MadeKey } },
    },
    async (request, reply) => {
      const { key, ...record } = valueOrThrow(await createKey(context, callerOf(request), request.body as NewKey));
      return reply.code(201).send({ ...keyView(record), key });
    },
  );

  app.get(
    '/keys',
    {
      config: { role: listKeys.needs, scope: 'cluster' },
      schema: {
        summary: 'List the API keys that you may administer',
        tags: ['access'],
        querystring: closed({ limit: limitQuery, cursor: cursorQuery }),
        response: { 200: pageOf('Key') },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query as { limit: number; cursor?: string };
      const page = { after: decodeCursor(cursor, isUuid), limit };
      const found = valueOrThrow(await listKeys(context, callerOf(request), page));
      return sendPage(context.turns, reply, found, keyView, ({ id }) => id);
    },
  );

  app.delete(
    '/keys/:id',
    {
      config: { role: deleteKey.needs, scope: 'cluster' },
      schema: {
        summary: 'Delete an API key',
        tags: ['access'],
        params: Type.Object({ id: Type.String({ maxLength: 128 }) }),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      valueOrThrow(await deleteKey(context, callerOf(request), id));
      return reply.code(204).send();
    },
  );
}
