/** The shapes of HTTP targets and hooks, as JSON Schema. */

import { type TSchema, Type } from 'typebox';
import { closedFields } from '../../../domain/input/closed-fields.ts';
import type { HookSchema, TargetSchema } from '../../../domain/task/target.ts';
import { bodyTypes } from './body.ts';
import { longestProxy } from './proxy.ts';
import { longestContained, longestPattern, longestPointer } from './success.ts';
import { httpMethods, longestUrl, mostHeaders, mostSuccessStatuses, redirects } from './target.ts';
import { longestPem } from './tls.ts';

const pem = (description: string) => ({ type: 'string', maxLength: longestPem, description });

/** The optional members of a target besides method, headers and body: as sent, and as shown. */
const optionalFields = {
  success: closedFields(
    {
      bodyContains: { type: 'string', maxLength: longestContained },
      bodyMatches: { type: 'string', maxLength: longestPattern, description: 'A pattern in the syntax of RE2.' },
      json: {
        type: 'object',
        properties: {
          pointer: { type: 'string', maxLength: longestPointer, description: 'RFC 6901.', examples: ['/success'] },
          equals: { description: 'Any JSON value, compared as a whole.' },
        },
        additionalProperties: false,
      },
    },
    {
      description:
        'What the first MiB of the body must be like, besides the status: exactly one rule. Without it the run is a failure (`rejected`).',
    },
  ),
  redirect: {
    enum: [...redirects],
    description:
      '"follow": at most five redirects. 301, 302 and 303 make a GET, 307 and 308 keep method and body; credentials stay behind at another origin. "none" when absent.',
  },
  bodyType: {
    enum: [...bodyTypes],
    description:
      'How `body` is sent: as JSON, as the text it is, as a form (an object), or as the bytes that base64 stands for. When absent the content type decides, JSON where it says nothing.',
  },
  proxy: {
    type: 'string',
    minLength: 1,
    maxLength: longestProxy,
    description: 'URL of the proxy to call through; "none" for none, even where TARGET_PROXY names one.',
    examples: ['http://proxy.internal:3128'],
  },
  tls: closedFields(
    {
      ca: pem('Certificates to trust instead of the usual ones, as PEM.'),
      cert: pem("The client's certificate, and those that vouch for it, as PEM."),
      key: pem('The private key of `cert`, as PEM, not encrypted.'),
      insecure: { type: 'boolean', description: 'Accept any certificate of the target.' },
    },
    { description: 'For https URLs.' },
  ),
};

const headers = {
  type: 'object',
  maxProperties: mostHeaders,
  additionalProperties: { type: 'string', maxLength: 8_192 },
};
const url = { type: 'string', minLength: 1, maxLength: longestUrl };
const shown = (schema: object): TSchema => Type.Unsafe(schema);

/** The shape of a target. */
export const httpTargetSchema: TargetSchema = {
  input: {
    named: 'HttpTargetInput',
    description: 'The target that a run calls; a string is the URL of a POST.',
    type: ['string', 'object'],
    maxLength: longestUrl,
    required: ['url'],
    properties: {
      type: { const: 'http' },
      method: { named: 'HttpMethod', enum: [...httpMethods] },
      url,
      headers,
      body: { description: 'Any JSON value; the run describes itself when absent.' },
      successStatus: {
        type: 'array',
        minItems: 1,
        maxItems: mostSuccessStatuses,
        items: {
          type: 'string',
          pattern: '^([1-5]xx|[1-5][0-9]{2})$',
          patternHint: 'must be a class such as "2xx" or a code such as "204"',
        },
      },
      ...optionalFields,
      template: {
        type: 'boolean',
        description: 'Fill in `{{ scheduledFor }}`, `{{ attempt }}`, `{{ task.labels.x }}` … in url, headers and body.',
      },
    },
    additionalProperties: false,
  },
  shown: Type.Object(
    {
      type: shown({ const: 'http' }),
      method: shown({ enum: [...httpMethods], named: 'HttpMethod' }),
      url: Type.String(),
      headers: Type.Record(Type.String(), Type.String()),
      body: Type.Optional(shown({})),
      successStatus: Type.Array(Type.String()),
      ...Object.fromEntries(Object.entries(optionalFields).map(([name, field]) => [name, Type.Optional(shown(field))])),
      template: Type.Optional(Type.Boolean()),
    },
    { named: 'HttpTarget' },
  ),
  misplaced: ['url', 'method', 'headers', 'body', 'successStatus'],
};

/** The shape of a hook: a URL alone, or an object with it. */
export const httpHookSchema: HookSchema = {
  text: { minLength: 1, maxLength: longestUrl },
  fields: {
    url,
    headers,
    template: {
      type: 'boolean',
      description: 'Fill in `{{ secrets.NAME }}`, `{{ runId }}`, `{{ taskId }}` … in url and headers.',
    },
  },
  shown: { url: { type: 'string' }, template: { type: 'boolean' } },
};
