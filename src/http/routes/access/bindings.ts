/** `/bindings`: the bindings of people and groups. */

import { Type } from 'typebox';
import { isUuid } from '../../../domain/input/uuid.ts';
import { createBinding, type NewBinding } from '../../../usecases/grants/create-binding.ts';
import { deleteBinding } from '../../../usecases/grants/delete-binding.ts';
import { listBindings } from '../../../usecases/grants/list-bindings.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { bindingView } from '../../output/grant-views.ts';
import { decodeCursor, sendPage } from '../../output/paging.ts';
import { NewBinding as NewBindingInput } from '../../schemas/grants.ts';
import { closed, cursorQuery, limitQuery, pageOf } from '../../schemas/schemas.ts';

export function bindingRoutes(app: App, context: HttpContext): void {
  app.post(
    '/bindings',
    {
      config: { role: createBinding.needs, scope: 'cluster' },
      schema: {
        summary: 'Make a binding',
        tags: ['access'],
        body: NewBindingInput,
        response: { 201: Type.Ref('Binding#') },
      },
    },
    async (request, reply) => {
      const made = valueOrThrow(await createBinding(context, callerOf(request), request.body as NewBinding));
      return reply.code(201).send(bindingView(made));
    },
  );

  app.get(
    '/bindings',
    {
      config: { role: listBindings.needs, scope: 'cluster' },
      schema: {
        summary: 'List the bindings that you may administer',
        tags: ['access'],
        querystring: closed({ limit: limitQuery, cursor: cursorQuery }),
        response: { 200: pageOf('Binding') },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query as { limit: number; cursor?: string };
      const page = { after: decodeCursor(cursor, isUuid), limit };
      const found = valueOrThrow(await listBindings(context, callerOf(request), page));
      return sendPage(context.turns, reply, found, bindingView, ({ id }) => id);
    },
  );

  app.delete(
    '/bindings/:id',
    {
      config: { role: deleteBinding.needs, scope: 'cluster' },
      schema: {
        summary: 'Delete a binding',
        tags: ['access'],
        params: Type.Object({ id: Type.String({ maxLength: 128 }) }),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      valueOrThrow(await deleteBinding(context, callerOf(request), id));
      return reply.code(204).send();
    },
  );
}
