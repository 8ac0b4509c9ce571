/** `/audit`: what callers changed, when they signed in, and what they were refused. */

import { type TSchema, Type } from 'typebox';
import { type AuditType, auditTypes } from '../../../domain/audit/types.ts';
import type { AuditItem } from '../../../store/audit/list.ts';
import { listAudit } from '../../../usecases/audit/list-audit.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { instantParameter } from '../../input/parameters.ts';
import { valueOrThrow } from '../../outcome.ts';
import { decodeCursor, largestPage, sendPage } from '../../output/paging.ts';
import { choice, closed, cursorQuery, instantQuery, limitQuery } from '../../schemas/schemas.ts';

const name = (description: string) => Type.Optional(Type.String({ maxLength: 512, description }));
const textOrNull = (description: string): TSchema => Type.Unsafe({ type: ['string', 'null'], description });

const entry = Type.Object(
  {
    id: Type.Integer(),
    at: Type.String({ format: 'date-time' }),
    type: Type.String({ description: 'Later versions may add types.', examples: [...auditTypes] }),
    actor: Type.String({ description: '`unknown` where nobody had signed in.' }),
    via: Type.String({ description: 'How the actor signed in: `key`, `jwt`, `session` or `none`.' }),
    requestId: textOrNull('That of the answer to the request.'),
    address: textOrNull('Where the request came from.'),
    namespace: Type.String({ description: '`*` for what belongs to no namespace.' }),
    subject: textOrNull('The kind and the name of the object, such as `task:nightly-report`.'),
    changes: Type.Unsafe({ named: 'AuditChanges', type: ['object', 'null'], additionalProperties: true }),
  },
  { named: 'AuditEntry' },
);

type Query = {
  limit: number;
  cursor?: string;
  namespace?: string;
  actor?: string;
  type?: AuditType;
  subject?: string;
  from?: string;
  to?: string;
};

export function auditRoutes(app: App, context: HttpContext): void {
  app.get(
    '/audit',
    {
      config: { role: listAudit.needs, scope: 'cluster' },
      schema: {
        summary: 'List changes, sign-ins and refused attempts, newest first',
        description: 'An owner sees all entries, an admin those of its namespaces.',
        tags: ['access'],
        querystring: closed({
          limit: limitQuery,
          cursor: cursorQuery,
          namespace: Type.Optional(Type.String({ maxLength: 63, description: '`*` for what belongs to none.' })),
          actor: name('Such as `key:ci`.'),
          type: Type.Optional(choice(auditTypes)),
          subject: name('Such as `task:nightly-report`.'),
          from: instantQuery,
          to: instantQuery,
        }),
        response: {
          200: Type.Object(
            { items: Type.Array(entry), nextCursor: Type.Unsafe({ type: ['string', 'null'] }) },
            { named: 'AuditList' },
          ),
        },
      },
    },
    async (request, reply) => {
      const {
        limit,
        cursor,
        namespace = null,
        actor = null,
        type = null,
        subject = null,
        ...rest
      } = request.query as Query;
      const [from, to] = [instantParameter('from', rest.from), instantParameter('to', rest.to)];
      const last = decodeCursor(cursor, (text) => /^\d{1,15}\.\d{1,15}$/.test(text));
      const [lastAt = 0, lastId = 0] = last?.split('.').map(Number) ?? [];
      const page = { after: last === null ? null : { at: lastAt, id: lastId }, limit, largest: largestPage };
      const wanted = { namespace, actor, type, subject, from, to, ...page };
      const found = valueOrThrow(await listAudit(context, callerOf(request), wanted));
      const cursorOf = ({ at, id }: AuditItem) => `${Date.parse(at)}.${id}`;
      return sendPage(context.turns, reply, found, (item) => item, cursorOf);
    },
  );
}
