/** Makes the contract that tools read from the schemas of the routes. */

import type { FastifyContextConfig } from 'fastify';
import type { Operation } from './operation.ts';
import { operations } from './operations.ts';
import { type HeaderName, headerReferences, parameters, problemAnswers, sharedParts } from './parts.ts';
import { createPlainSchemas, type Schema } from './plain-schema.ts';

/** Marks the calls that also exist below `/ns/{namespace}`; it is not part of the contract. */
const inNamespaces = 'x-in-namespaces';

type Media = { schema: Schema; example?: unknown };
type Content = Record<string, Media>;
type Answer = { $ref: string } | { description: string; headers?: object; content?: Content };
type Parameter = { name: string; in: string; schema: Schema; required?: boolean };
type Call = {
  operationId: string;
  /** Absent for a call that belongs to no namespace. */
  [inNamespaces]?: true;
  security: object[];
  parameters?: (Parameter | { $ref: string })[];
  requestBody?: { required?: boolean; content: Content };
  responses: Record<string, Answer>;
};
type Document = {
  paths: Record<string, Record<string, Call>>;
  components: { schemas: Record<string, Schema> };
};

/** Name, meaning and security of the call that a route answers; null where the contract does not show it. */
export function describeRoute(method: string, url: string, { role, scope }: FastifyContextConfig = {}) {
  const operation = operations[`${method} ${url}`];
  if (operation === undefined) return null;
  const security =
    role === 'public'
      ? []
      : role === 'token'
        ? [{ runToken: [] }, { bearer: [] }]
        : [{ bearer: [] }, { apiKey: [] }, { session: [] }];
  const marks = role === 'public' || scope === 'cluster' ? {} : { [inNamespaces]: true };
  return { operationId: operation.id, description: operation.description, security, ...marks };
}

/** The whole contract; `given` is the document that @fastify/swagger made of the routes. */
export function publish(given: object): object {
  const document = given as Document;
  const schemas: Record<string, Schema> = {};
  const plain = createPlainSchemas(schemas);
  for (const [name, schema] of Object.entries(document.components.schemas)) schemas[name] = plain(schema);
  const taskInput = schemas.TaskInput as Schema;
  const { required: _, ...patch } = taskInput;
  schemas.TaskPatch = { description: 'A merge patch (RFC 7396) of TaskInput.', ...patch };
  const byId = new Map(Object.values(operations).map((operation) => [operation.id, operation]));
  const paths: Document['paths'] = {};
  for (const [path, calls] of Object.entries(document.paths)) {
    for (const [method, { [inNamespaces]: isInNamespaces, ...call }] of Object.entries(calls)) {
      const made = published(call, byId.get(call.operationId) as Operation, path, plain);
      paths[path] = { ...paths[path], [method]: made };
      if (isInNamespaces !== true) continue;
      const twin = `/ns/{namespace}${path}`;
      paths[twin] = { ...paths[twin], [method]: inNamespace(made) };
    }
  }
  const sorted = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...document, paths, components: { ...document.components, ...sharedParts, schemas: sorted } };
}

/** The same call in a namespace that its path names. */
function inNamespace(call: Call): Call {
  const { 404: notFound = problem(404), ...rest } = call.responses;
  return {
    ...call,
    operationId: `${call.operationId}InNamespace`,
    parameters: [reference('Namespace'), ...(call.parameters ?? [])],
    responses: { ...rest, 404: notFound },
  };
}

function published(call: Call, operation: Operation, path: string, plain: (schema: Schema) => Schema): Call {
  const isOpen = call.security.length === 0;
  const { requestBody, responses, ...rest } = call;
  const taken: (Parameter | { $ref: string })[] = (operation.takes ?? []).map(reference);
  for (const parameter of (call.parameters ?? []) as Parameter[]) {
    const shared = Object.entries(parameters).find(
      ([, { name, in: place }]) => place === parameter.in && name.toLowerCase() === parameter.name,
    );
    if (shared) taken.push(reference(shared[0]));
    // The token of a run is a way to sign in.
    else if (parameter.in !== 'header') taken.push({ ...parameter, schema: plain(parameter.schema) });
  }
  const errors = [400, 421, ...(isOpen ? [] : [401, 403, 429, 503]), ...(path.includes('{') ? [404] : [])];
  const hasBody = requestBody !== undefined && operation.example !== undefined;
  if (hasBody) errors.push(413, 415);
  const answers: Record<string, Answer> = {};
  for (const [status, { description, headers = [] }] of Object.entries(operation.answers))
    answers[status] = success(description, headers, responses[status], plain);
  for (const status of [...errors, ...(operation.errors ?? [])]) answers[status] ??= problem(status);
  return {
    ...rest,
    ...(taken.length > 0 ? { parameters: taken } : {}),
    ...(hasBody && {
      requestBody: {
        required: operation.isBodyOptional !== true,
        content: mapContent(requestBody.content, ({ schema }) => ({
          schema: plain(operation.id === 'patchTask' ? { $ref: '#/components/schemas/TaskPatch' } : schema),
          example: operation.example,
        })),
      },
    }),
    responses: { ...answers, default: problem('default') },
  };
}

function success(
  description: string,
  headers: readonly HeaderName[],
  given: Answer | undefined,
  plain: (schema: Schema) => Schema,
): Answer {
  const content = given && 'content' in given ? given.content : undefined;
  return {
    description,
    headers: headerReferences(headers),
    ...(content && { content: mapContent(content, ({ schema }) => ({ schema: plain(schema) })) }),
  };
}

function mapContent(content: Content, change: (media: Media) => Media): Content {
  return Object.fromEntries(Object.entries(content).map(([type, media]) => [type, change(media)]));
}

function reference(name: string): { $ref: string } {
  return { $ref: `#/components/parameters/${name}` };
}

function problem(status: number | 'default'): Answer {
  const answer = problemAnswers[status];
  if (!answer) throw new Error(`the contract has no answer for problems with the status ${status}`);
  return { $ref: `#/components/responses/${answer.name}` };
}
