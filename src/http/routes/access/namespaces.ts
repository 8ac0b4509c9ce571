/** `/namespaces`: make, change and read namespaces. */

import { Type } from 'typebox';
import { isNamespaceId } from '../../../domain/access/namespace.ts';
import type { NamespaceInput } from '../../../domain/access/namespace-input.ts';
import { deleteNamespace } from '../../../usecases/access/delete-namespace.ts';
import { putNamespace } from '../../../usecases/access/put-namespace.ts';
import { getNamespace, listNamespaces } from '../../../usecases/access/read-namespaces.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { namespaceView } from '../../output/namespace-view.ts';
import { decodeCursor, sendPage } from '../../output/paging.ts';
import { namespaceParams } from '../../schemas/namespaces.ts';
import { closed, cursorQuery, limitQuery, pageOf } from '../../schemas/schemas.ts';

export function namespaceRoutes(app: App, context: HttpContext): void {
  app.get(
    '/namespaces',
    {
      config: { role: listNamespaces.needs, scope: 'cluster' },
      schema: {
        summary: 'List namespaces by id',
        tags: ['access'],
        querystring: closed({ limit: limitQuery, cursor: cursorQuery }),
        response: { 200: pageOf('Namespace') },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query as { limit: number; cursor?: string };
      const after = decodeCursor(cursor, isNamespaceId);
      const found = valueOrThrow(await listNamespaces(context, callerOf(request), { after, limit }));
      return sendPage(context.turns, reply, found, namespaceView, ({ id }) => id);
    },
  );

  app.get(
    '/namespaces/:id',
    {
      config: { role: getNamespace.needs, scope: 'cluster', names: 'id' },
      schema: {
        summary: 'Read a namespace',
        tags: ['access'],
        params: namespaceParams,
        response: { 200: Type.Ref('Namespace#') },
      },
    },
    async (request) => {
      const { id } = request.params as { id: string };
      return namespaceView(valueOrThrow(await getNamespace(context, callerOf(request), { id })));
    },
  );

  app.put(
    '/namespaces/:id',
    {
      config: { role: putNamespace.needs, scope: 'cluster' },
      schema: {
        summary: 'Create or change a namespace',
        tags: ['access'],
        params: namespaceParams,
        body: Type.Ref('NamespaceInput#'),
        response: { 200: Type.Ref('Namespace#'), 201: Type.Ref('Namespace#') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      const caller = callerOf(request);
      const input = (request.body ?? {}) as NamespaceInput;
      const { created } = valueOrThrow(await putNamespace(context, caller, { id, input }));
      const view = namespaceView(valueOrThrow(await getNamespace(context, caller, { id })));
      return created ? reply.code(201).header('location', `/namespaces/${id}`).send(view) : view;
    },
  );

  app.delete(
    '/namespaces/:id',
    {
      config: { role: deleteNamespace.needs, scope: 'cluster', names: 'id' },
      schema: {
        summary: 'Delete a namespace',
        tags: ['access'],
        params: namespaceParams,
        querystring: closed({ cascade: Type.Optional(Type.Boolean({ default: false })) }),
        response: { 202: Type.Ref('Namespace#'), 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      const { cascade = false } = request.query as { cascade?: boolean };
      const caller = callerOf(request);
      const { gone } = valueOrThrow(await deleteNamespace(context, caller, { id, cascade }));
      const left = gone ? null : await getNamespace(context, caller, { id });
      return left?.ok ? reply.code(202).send(namespaceView(left.value)) : reply.code(204).send();
    },
  );
}
