/**
 * The door of the API: Node's HTTP server, the steps before a route is looked for, and the answers without a route. A
 * request beyond the places is refused here, before it is parsed, authenticated or logged.
 */

import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import { readTarget, withoutBase } from '../origin/base-path.ts';
import { ProblemError, problemOf, problemTable } from '../problems.ts';
import { bodyBytes } from './body-budget.ts';
import { createConnections, type GiveUpReason, type Visit } from './connections.ts';
import type { DoorSettings } from './door-settings.ts';
import { createBudget } from './pace.ts';
import { createPlaces } from './places.ts';
import { problemOfParser, rawAnswer } from './raw-answer.ts';

export type DoorOptions = Pick<DoorSettings, 'host' | 'maxRequests' | 'open' | 'basePath' | 'keepAliveTimeoutMs'> & {
  clock: Clock;
  requestIdOf: (headers: IncomingHttpHeaders) => string;
  onShed: () => void;
  onGivenUp: (reason: GiveUpReason) => void;
};

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export type Door = {
  /** Makes a server that hands the admitted requests to `handler`. */
  serve(handler: Handler): Server;
  /** Takes a place for a request whose body is whole; false when there is none. One that has a place keeps it. */
  enter(request: IncomingMessage): boolean;
  /** Lets the client send a body for which it waits for `100 Continue`. */
  goOn(request: IncomingMessage): void;
  /** Gives back the place of a request that from now on only waits. */
  leave(request: IncomingMessage): void;
  /** The answer is a stream, which goes on until one side ends it. */
  stream(request: IncomingMessage): void;
  /** The answer is written from now on. */
  handOver(request: IncomingMessage): void;
  /** Closes every connection, those with an answer under way after it. New ones are closed at once. */
  end(): void;
  /** For how long no place has come back while all were taken, in milliseconds. */
  stuckForMs(): number;
};

/** Monitors call these, and must be able to tell overload from failure. Each costs little. */
const watched = new Set(['/livez', '/readyz', '/healthz', '/metrics']);
const headersTimeoutMs = 10_000;
/** For headers and body together. */
const requestTimeoutMs = 20_000;
const checkMs = 1_000;
const maxHeaderBytes = 16 * 1024;
/** 503s that are written in 50 ms: a few percent of a core. */
const shedPerPeriod = 50;
const fewestConnections = 1_024;
const notNow = { headers: { 'retry-after': '1' } };

export function createDoor(options: DoorOptions): Door {
  const { clock, basePath, onShed } = options;
  const places = createPlaces(options.maxRequests, options.open, clock.monotonic);
  const visits = new WeakMap<IncomingMessage, Visit>();
  const unmet = new WeakSet<IncomingMessage>();
  const mostConnections = Math.max(fewestConnections, 4 * options.maxRequests);
  const budget = createBudget(shedPerPeriod, mostConnections, clock);
  const refusal = new ProblemError('unavailable', 'more requests are under way than are answered in good time', notNow);
  const connections = createConnections({
    clock,
    most: mostConnections,
    begin,
    tooMany: () =>
      rawAnswer(new ProblemError('unavailable', 'too many requests came without waiting for answers', notNow), newId()),
    onGivenUp: options.onGivenUp,
  });
  let handler: Handler = () => {};
  const newId = () => options.requestIdOf({});

  function begin(visit: Visit): void {
    const { request, response } = visit;
    visits.set(request, visit);
    if (unmet.has(request)) {
      const problem = new ProblemError('expectation_failed', 'the only expectation that is met is 100-continue');
      answer(problem, request, response);
      return;
    }
    const known = hasCredentials(request);
    if (!isWatched(request, basePath)) {
      const bytes = bodyBytes(request, basePath);
      // A body that is still on its way holds no place.
      const giveBack = bytes > 0 ? null : places.take(known);
      if (giveBack) connections.entered(visit, giveBack);
      else if (places.full(known) || !connections.awaitBody(visit, bytes, !options.open && !known)) {
        const takeBack = budget(() => shed(visit));
        // Clients that have disconnected must not delay those that still wait for their 503.
        if (takeBack) response.once('close', takeBack);
        else request.socket.destroy();
        return;
      }
    }
    handler(request, response);
  }

  function shed({ request, response }: Visit): void {
    if (response.closed) return;
    onShed();
    answer(refusal, request, response);
  }

  function answer(problem: ProblemError, request: IncomingMessage, response: ServerResponse): void {
    handOver(request);
    const id = options.requestIdOf(request.headers);
    const body = JSON.stringify(problemOf(problem, { url: request.url ?? '/', id }));
    response.writeHead(problemTable[problem.code].status, {
      ...problem.headers,
      'content-type': 'application/problem+json',
      'content-length': Buffer.byteLength(body),
      'x-request-id': id,
    });
    response.end(body);
  }

  function handOver(request: IncomingMessage): void {
    const visit = visits.get(request);
    if (visit) connections.handOver(visit);
  }

  function newServer(): Server {
    const server = createServer({
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: checkMs,
      keepAliveTimeout: options.keepAliveTimeoutMs,
      maxHeaderSize: maxHeaderBytes,
      noDelay: true,
      // The address is checked later, where a fault becomes a problem document.
      requireHostHeader: false,
    });
    server.on('connection', connections.opened);
    server.on('request', (request, response) => connections.arrived(request, response, false));
    server.on('checkContinue', (request, response) => connections.arrived(request, response, true));
    server.on('checkExpectation', (request, response) => {
      unmet.add(request);
      connections.arrived(request, response, false);
    });
    server.on('connect', (_request, socket: Socket) =>
      connections.broken(
        socket,
        rawAnswer(
          new ProblemError('method_not_allowed', 'this is no proxy', {
            headers: { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' },
          }),
          newId(),
        ),
      ),
    );
    server.on('clientError', (error: Error, socket: Socket) =>
      connections.broken(socket, rawAnswer(problemOfParser(error), newId())),
    );
    return server;
  }

  /** The name localhost has two addresses, and clients take either. */
  function serveBoth(server: Server): void {
    const { address, port } = server.address() as AddressInfo;
    const other = newServer();
    // A machine may lack the other address family.
    other.on('error', () => {});
    other.listen({ host: address === '::1' ? '127.0.0.1' : '::1', port });
    server.on('close', () => {
      other.close();
      other.closeIdleConnections();
    });
  }

  return {
    serve(next) {
      handler = next;
      const server = newServer();
      if (/^localhost\.?$/i.test(options.host)) server.on('listening', () => serveBoth(server));
      return server;
    },
    enter(request) {
      const visit = visits.get(request);
      if (visit) connections.bodyIsHere(visit);
      if (!visit || visit.leave || isWatched(request, basePath)) return true;
      const giveBack = places.take(hasCredentials(request));
      if (giveBack) connections.entered(visit, giveBack);
      else onShed();
      return giveBack !== null;
    },
    goOn(request) {
      const visit = visits.get(request);
      if (!visit?.expectsContinue) return;
      visit.expectsContinue = false;
      visit.response.writeContinue();
    },
    leave(request) {
      const visit = visits.get(request);
      if (visit) connections.leave(visit);
    },
    stream(request) {
      const visit = visits.get(request);
      if (visit) connections.stream(visit);
    },
    handOver,
    end: connections.end,
    stuckForMs: places.stuckForMs,
  };
}

function hasCredentials({ headers }: IncomingMessage): boolean {
  const { authorization, cookie } = headers;
  const hasSession = cookie?.includes('punctual=') === true;
  return authorization !== undefined || hasSession || 'x-api-key' in headers || 'x-run-token' in headers;
}

function isWatched(request: IncomingMessage, basePath: string): boolean {
  const { method, url = '/' } = request;
  if ((method !== 'GET' && method !== 'HEAD') || bodyBytes(request, basePath) > 0) return false;
  const [path = ''] = url.split('?', 1);
  return watched.has(path) || (basePath !== '' && watched.has(withoutBase(readTarget(path).path, basePath)));
}
