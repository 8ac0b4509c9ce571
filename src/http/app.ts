/** Builds the HTTP application: validation, auth, problems, the contract. It does not listen. */

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyContextConfig,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { createAttempts } from '../usecases/audit/attempts.ts';
import { failureOf } from '../usecases/failure.ts';
import { attemptOf } from './auth/attempt.ts';
import { authHook } from './auth/auth-hook.ts';
import { createFailedLogins } from './auth/failed-logins.ts';
import { createRefuseCredentials } from './auth/refuse-credentials.ts';
import { consoleRoutes } from './console/console-routes.ts';
import type { App, HttpContext } from './context.ts';
import { createAllowedMethods } from './door/allowed-methods.ts';
import { usualBody } from './door/body-budget.ts';
import { createDoor } from './door/door.ts';
import { addDoorHooks, namesNamespace, pathOf } from './door/hooks.ts';
import { createOpenPolls } from './door/open-polls.ts';
import { readJsonBody } from './input/json-body.ts';
import { requestIdOf } from './input/request-id.ts';
import { faultsInText } from './input/storable-text.ts';
import { createValidation } from './input/validation.ts';
import { contract, localReference } from './openapi/frame.ts';
import { describeRoute, publish } from './openapi/publish.ts';
import { readTarget } from './origin/base-path.ts';
import { readRoutePath } from './origin/namespace-path.ts';
import { securityHeaders } from './origin/security-headers.ts';
import { problemOfError, sendProblem } from './output/send-problem.ts';
import { writeAnswer } from './output/write-answer.ts';
import { invalidField, ProblemError, problemOf } from './problems.ts';
import { auditRoutes } from './routes/access/audit.ts';
import { bindingRoutes } from './routes/access/bindings.ts';
import { keyRoutes } from './routes/access/keys.ts';
import { namespaceRoutes } from './routes/access/namespaces.ts';
import { backfillRoutes } from './routes/runs/backfill.ts';
import { logRoutes } from './routes/runs/log.ts';
import { followRoutes } from './routes/runs/log-follow.ts';
import { longWorkRoutes } from './routes/runs/long-work.ts';
import { runActionRoutes } from './routes/runs/run-actions.ts';
import { runRoutes } from './routes/runs/runs.ts';
import { statsRoutes } from './routes/runs/stats.ts';
import { rewrapRoutes } from './routes/secrets/rewrap.ts';
import { secretRoutes } from './routes/secrets/secrets.ts';
import { clusterRoutes } from './routes/service/cluster.ts';
import { forecastRoutes } from './routes/service/forecast.ts';
import { meRoutes } from './routes/service/me.ts';
import { scheduleRoutes } from './routes/service/schedules.ts';
import { serviceRoutes } from './routes/service/service.ts';
import { streamRoutes } from './routes/service/stream.ts';
import { oidcRoutes } from './routes/sign-in/oidc.ts';
import { sessionRoutes } from './routes/sign-in/sessions.ts';
import { allTaskRoutes } from './routes/tasks/all-task-routes.ts';
import { namedSchemas } from './schemas/schemas.ts';
import { createRefusals } from './sign-in/refusals.ts';
import { createEventStreams } from './sse/event-streams.ts';

const largeBody = 8 * 1024;
const pathOptions = { maxParamLength: 256, ignoreTrailingSlash: true };

/** The application, ready to listen. */
export async function buildApp(context: HttpContext): Promise<App> {
  const { log, metrics, clock } = context;
  const { basePath } = context.door;
  const allowed = createAllowedMethods(pathOptions);
  const methodsOf = (request: FastifyRequest) => allowed.of(pathOf(request), namesNamespace(request, basePath));
  /** Whether a request fits no route. Some routes belong to no namespace. */
  const isUnknown = (request: FastifyRequest) =>
    request.is404 || (!isInNamespaces(request.routeOptions.config) && namesNamespace(request, basePath));
  const door = createDoor({
    ...context.door,
    clock,
    requestIdOf: (headers) => requestIdOf(headers, context),
    onShed: metrics.requestShed,
    onGivenUp: metrics.connectionGivenUp,
  });
  const streams = createEventStreams(context, createOpenPolls(context.door.maxOpenPolls), door);
  const refuseCredentials = createRefuseCredentials({
    failedLogins: createFailedLogins(clock, log),
    onRefused: metrics.credentialsRefused,
    leave: door.leave,
  });
  const schemas = namedSchemas(context.targets.schemas);
  const validation = createValidation(schemas);
  const app: App = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: usualBody,
    serverFactory: (handler) => door.serve(handler),
    // The door answers input that is not a request.
    clientErrorHandler() {},
    rewriteUrl: ({ url = '/' }) => readRoutePath(url, basePath).path,
    genReqId: (request) => requestIdOf(request.headers, context),
    // Idle connections must not hold up a shutdown.
    forceCloseConnections: 'idle',
    // While the replica drains it answers like before: its own readiness tells balancers to go elsewhere.
    return503OnClosing: false,
    routerOptions: pathOptions,
    frameworkErrors: (_error, request, reply) => {
      const problem = problemOf(new ProblemError('malformed', 'the URL cannot be read'), request);
      const headers = { 'content-type': 'application/problem+json', 'x-request-id': request.id };
      // It is answered without the hooks.
      door.handOver(request.raw);
      reply.raw.writeHead(problem.status, { ...headers, ...Object.fromEntries(securityHeaders('')) });
      reply.raw.end(JSON.stringify(problem));
    },
  });

  app.setValidatorCompiler(({ schema, httpPart }) => {
    const check = httpPart === 'body' ? validation.body(schema) : validation.text(schema);
    return (value: unknown) => {
      // An absent body is an empty one where the schema does not ask for more.
      const errors = check(value ?? {});
      return errors.length === 0 ? { value } : { error: invalidField(errors) };
    };
  });
  // The schemas of answers are documentation: tests hold the answers to them.
  app.setSerializerCompiler(() => writeAnswer);
  for (const schema of schemas) app.addSchema(schema);

  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, bytes: Buffer) => readJsonBody(bytes, context.turns),
  );

  await app.register(swagger, {
    openapi: contract(context.version, basePath),
    refResolver: { buildLocalReference: localReference },
    transform: ({ schema, url, route }) => {
      const described = describeRoute(String(route.method), url, route.config);
      return { url, schema: { ...schema, ...(described ?? { hide: true }) } };
    },
    transformObject: (made) => publish('openapiObject' in made ? made.openapiObject : {}),
  });

  app.decorateRequest('actor', null as never);
  app.decorateRequest('acting', null as never);
  app.addHook('onRoute', (route) => {
    if (/^\/(docs|console\/assets)/.test(route.url)) route.config = { ...route.config, role: 'public' };
    const { config: { role, ...config } = {}, url, method } = route;
    if (!role) throw new Error(`the route ${method} ${url} does not say who may call it`);
    const isPublic = role === 'public' || role === 'token';
    allowed.add(url, method, { isPublic, inNamespaces: isInNamespaces({ role, ...config }) });
  });
  addDoorHooks(app, door, allowed, context.door);
  context.onDraining(streams.end);
  app.addHook('preClose', async () => door.end());
  // A replica that has just been started gets the moment that it needs.
  app.addHook('onRequest', async (request) => {
    const { role } = request.routeOptions.config;
    if (role !== undefined && role !== 'public' && !context.started()) await context.firstTry;
  });
  app.addHook(
    'onRequest',
    authHook({
      authenticate: context.authenticate,
      namespaces: context.namespaces,
      basePath,
      publicUrl: context.door.publicUrl,
      refuse: refuseCredentials,
      isPublic: (request) => methodsOf(request)?.isPublic === true,
      isUnknown,
    }),
  );
  // Before the body is read: its faults do not matter.
  app.addHook('onRequest', async (request, reply) => (isUnknown(request) ? answerUnknown(request, reply) : undefined));
  app.addHook('onRequest', async (request) => {
    const { role } = request.routeOptions.config;
    if (role === undefined || role === 'public' || context.started()) return;
    throw new ProblemError('unavailable', 'the database has not been reached since the start', {
      headers: { 'retry-after': '1' },
    });
  });
  app.addHook('preValidation', async (request) => {
    // Large bodies take milliseconds: one at a time. Small ones do not wait.
    const length = request.headers['content-length'] ?? (request.body === undefined ? 0 : Infinity);
    if (Number(length) > largeBody) await context.turns.take();
    const { anyText } = request.routeOptions.config;
    const faults = faultsInText({
      ...(anyText ? {} : { body: request.body }),
      params: request.params,
      query: request.query,
    });
    if (faults.length > 0) throw invalidField(faults);
  });
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id);
    // A client must not send its next request on a connection that is about to close.
    if (context.draining()) reply.header('connection', 'close');
  });
  const attempts = createAttempts(context);
  app.addHook('onClose', () => attempts.end());
  app.addHook('onResponse', async (request, reply) => {
    const attempt = attemptOf(request, reply.statusCode, basePath);
    if (attempt !== null) attempts.note(attempt);
    const route = request.routeOptions.url ?? '_unmatched';
    const wasStream = request.routeOptions.config.streams === true && reply.statusCode === 200;
    if (!wasStream) metrics.requestAnswered(request.method, route, reply.statusCode, reply.elapsedTime);
    const line = {
      method: request.method,
      url: urlForLog(request),
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    };
    request.log.debug(line, 'answered');
  });

  const answerUnknown = (request: FastifyRequest, reply: FastifyReply) => {
    const path = readTarget(request.originalUrl).path.split('?', 1)[0];
    // A call that belongs to no namespace is not there in one, whatever other methods its path has.
    const known = request.is404 ? methodsOf(request)?.allow : undefined;
    // A file that is not there has a route that would serve it.
    const allow = known?.split(', ').includes(request.method) ? undefined : known;
    const problem =
      allow === undefined
        ? new ProblemError('not_found', `${request.method} ${path} is not part of this API`)
        : new ProblemError('method_not_allowed', `${path} does not have the method ${request.method}, but ${allow}`, {
            headers: { allow },
          });
    return sendProblem(request, reply, problem, basePath);
  };
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = problemOfError(error);
    // A second check, in case the check of texts let it through.
    if (failureOf(error) === 'bad_data')
      request.log.warn({ err: error }, 'Postgres refused a value that a client sent');
    if (problem.code === 'internal')
      request.log.error({ err: error, method: request.method, url: urlForLog(request) }, 'a request failed');
    if (problem.code === 'unavailable')
      request.log.warn(
        { err: error, method: request.method, url: urlForLog(request) },
        'a request could not be served',
      );
    return sendProblem(request, reply, problem, basePath);
  });
  app.setNotFoundHandler(answerUnknown);

  // After the hooks: its routes are public by the first of them.
  await app.register(swaggerUi, { routePrefix: '/docs', indexPrefix: basePath });
  await consoleRoutes(app, context);
  serviceRoutes(app, context, door.stuckForMs);
  clusterRoutes(app, context);
  streamRoutes(app, context, streams);
  namespaceRoutes(app, context);
  auditRoutes(app, context);
  meRoutes(app, context);
  keyRoutes(app, context);
  bindingRoutes(app, context);
  allTaskRoutes(app, context, validation, door.leave);
  backfillRoutes(app, context);
  runRoutes(app, context);
  statsRoutes(app, context);
  runActionRoutes(app, context);
  longWorkRoutes(app, context);
  logRoutes(app, context);
  followRoutes(app, context, streams);
  scheduleRoutes(app, context);
  forecastRoutes(app, context);
  const refuseSignIn = createRefusals(context, clock);
  oidcRoutes(app, context, refuseSignIn);
  sessionRoutes(app, context, { signIn: refuseSignIn, credentials: refuseCredentials });
  secretRoutes(app, context);
  rewrapRoutes(app, context);
  app.get('/openapi.json', { config: { role: 'public' }, schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(document),
  );
  await app.ready();
  const document = JSON.stringify(app.swagger());
  return app;
}

/** The codes and states of sign-ins stand in no log. */
function urlForLog(request: FastifyRequest): string {
  return request.routeOptions.config.page === true ? pathOf(request) : request.url;
}

/** Whether a route also exists below `/ns/{namespace}`. */
function isInNamespaces({ role, scope }: FastifyContextConfig): boolean {
  return role !== 'public' && scope !== 'cluster';
}
