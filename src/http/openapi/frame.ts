/** The frame of the OpenAPI document; the paths and schemas in it come from the routes. */

import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';

/** `basePath` is where the API stands, '' for the root. */
export function contract(version: string, basePath: string): NonNullable<FastifyDynamicSwaggerOptions['openapi']> {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Punctual',
      version,
      description:
        'A scheduling service. Instants are RFC 3339 in UTC with milliseconds; durations are text such as `30s` or `1h30m`. Every error is an `application/problem+json` document (RFC 9457).',
      license: { name: 'MIT', identifier: 'MIT' },
      contact: { name: 'The maintainers of Punctual' },
    },
    servers: [{ url: basePath === '' ? '/' : basePath, description: 'This service' }],
    tags: [
      { name: 'tasks', description: 'Calls to make, and when' },
      { name: 'runs', description: 'Runs of tasks and their outcomes' },
      { name: 'schedules', description: 'Schedules without a task' },
      { name: 'access', description: 'Namespaces, and who may do what in them' },
      { name: 'sign-in', description: 'Sessions of browsers' },
      { name: 'secrets', description: 'Values that tasks use and nobody can read' },
      { name: 'service', description: 'The service itself' },
    ],
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key or a JWT.' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'An API key.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-punctual',
          description:
            'A session; `punctual` without TLS. A change also needs the header `Origin` of this service, as browsers send it.',
        },
        runToken: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Run-Token',
          description: 'The token of a run, as the call of its target had it.',
        },
      },
    },
  };
}

/** Named schemas are listed under their names. */
export function localReference(json: { $id?: unknown }, _base: unknown, _fragment: string, index: number): string {
  return typeof json.$id === 'string' ? json.$id : `def-${index}`;
}
