/** The parts that many calls of the contract share: headers of requests and answers, and answers that are problems. */

const text = { type: 'string' };

/** Parameters of requests, by the names of their components. */
export const parameters = {
  Namespace: {
    name: 'namespace',
    in: 'path',
    required: true,
    description: 'The namespace to act in. Without `/ns/{namespace}` that is the own namespace of the caller.',
    schema: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,62}$' },
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'The same key with the same body gives the first answer again.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    description: 'The `ETag` that the change is meant for; 412 where the task has another.',
    schema: text,
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    description: 'An `ETag` that is known already; `*` in a PUT only creates.',
    schema: text,
  },
  LastEventId: {
    name: 'Last-Event-ID',
    in: 'header',
    description: 'The id of the last event that was seen, after which to go on.',
    schema: { type: 'string', maxLength: 128 },
  },
  Prefer: {
    name: 'Prefer',
    in: 'header',
    description:
      '`wait=10` answers when the run is over, after 10 s at the latest. Without waiting where too many wait already.',
    schema: { type: 'string', maxLength: 128 },
  },
  Traceparent: {
    name: 'traceparent',
    in: 'header',
    description: 'The trace that the run belongs to (W3C Trace Context).',
    schema: text,
  },
} as const;
export type ParameterName = keyof typeof parameters;

const header = (description: string, schema: object = text) => ({ description, schema });

/** Headers of answers, by their own names. */
export const headers = {
  ETag: header('The version of the task.'),
  Location: header('Where the new thing is, or where to go on.'),
  'Set-Cookie': header('The cookie of a session, or of a sign-in under way.'),
  Link: header('`rel="next"`: the next page (RFC 8288); absent on the last one.'),
  'Retry-After': header('After how many seconds to try again.', { type: 'integer' }),
  'WWW-Authenticate': header('How to sign in.'),
  'Idempotency-Replayed': header('`true` where this is the answer that an earlier request had.'),
  'Preference-Applied': header('`wait=…` where the answer waited for the end of the run.'),
  'X-Log-Next-Offset': header('Where the log goes on, in bytes.', { type: 'integer' }),
  'X-Log-Complete': header('`true` where nothing follows: the run has ended.', { type: 'boolean' }),
  'X-Log-Dropped': header('`from-to`: the bytes that are missing within the answer.'),
  'X-Request-Id': header('The id of the request: as it was sent, or a new one.'),
};
export type HeaderName = keyof typeof headers;

/** Answers that are problems, by status. */
export const problemAnswers: Readonly<
  Record<number | 'default', { name: string; description: string; headers?: readonly HeaderName[] }>
> = {
  400: { name: 'BadRequest', description: 'Malformed, or a field that is unknown or of the wrong form.' },
  401: {
    name: 'Unauthenticated',
    description: 'The credentials are missing or wrong.',
    headers: ['WWW-Authenticate'],
  },
  403: { name: 'Forbidden', description: 'The role does not allow this, or a page of another site asks for it.' },
  404: { name: 'NotFound', description: 'Not found.' },
  409: { name: 'Conflict', description: 'The present state does not allow this.' },
  412: { name: 'PreconditionFailed', description: 'The task is in another version.' },
  413: { name: 'TooLarge', description: 'The body is too large.' },
  415: { name: 'UnsupportedMediaType', description: 'The body is not JSON by its content type.' },
  421: { name: 'Misdirected', description: 'The `Host` is not this service.' },
  422: { name: 'Unprocessable', description: 'Well-formed, and meaningless: `errors` points at the fields.' },
  429: { name: 'TooManyRequests', description: 'Too many requests.', headers: ['Retry-After'] },
  503: { name: 'Unavailable', description: 'Overloaded, or the database is out of reach.', headers: ['Retry-After'] },
  default: { name: 'OtherProblem', description: 'Any other problem.' },
};

/** Components of responses and headers, as OpenAPI writes them. */
export const sharedParts = {
  parameters,
  headers,
  responses: Object.fromEntries(
    Object.values(problemAnswers).map(({ name, description, headers: own = [] }) => [
      name,
      {
        description,
        headers: headerReferences(own),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  ),
};

/** References to these headers, and to the one that all answers have. */
export function headerReferences(names: readonly HeaderName[]): Record<string, { $ref: string }> {
  return Object.fromEntries(
    [...names, 'X-Request-Id' as const].map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
}
