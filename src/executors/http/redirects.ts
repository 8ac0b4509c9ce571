/** Follows redirects: one attempt, as many calls, one deadline. */

import type { Outcome } from '../executor.ts';
import { isRedirect, lostOutcome, type Received } from './outcome.ts';
import type { PreparedTarget } from './request.ts';
import { type Router, routeHeaders } from './route.ts';
import { isCredential } from './target/credentials.ts';
import { longestUrl } from './target/target.ts';

/** One call of an attempt. */
type Hop = {
  target: PreparedTarget;
  /**
   * Whether a redirect has led to an origin other than the task's. From then on no credentials are sent, also not to
   * the task's own origin.
   */
  isForeign: boolean;
};

/** Starts one call; the returned function ends it early. */
export type StartHop = (hop: Hop, report: (outcome: Outcome, received: Received) => void) => (message: string) => void;

const mostRedirects = 5;
/** They tell about a body that is not sent on (RFC 9110 §15.4). */
const bodyHeaders = ['content-type', 'content-encoding', 'content-language', 'content-location'];

/**
 * Calls `first` and goes on to where the answers point, at most five times. Reports once: the last answer, or why it
 * could not be followed. 301, 302 and 303 make a GET, or leave a HEAD; 307 and 308 keep method and body (RFC 9110
 * §15.4).
 */
export function followRedirects(
  first: PreparedTarget,
  router: Router,
  start: StartHop,
  report: (outcome: Outcome) => void,
): (message: string) => void {
  let cancel = (_message: string) => {};

  function call(hop: Hop, count: number): void {
    cancel = start(hop, (outcome, received) => {
      const { status, location, isWhole } = received;
      if (!isWhole || !isRedirect(status)) return report(count === 0 ? outcome : afterRedirects(outcome, hop));
      if (location === null) return report(lostOutcome(received, 'but not where to go on'));
      if (count === mostRedirects) return report(lostOutcome(received, `the ${mostRedirects + 1}th redirect in a row`));
      const next = nextHop(hop, status as number, location, router);
      if (typeof next === 'string') return report(lostOutcome(received, next));
      call(next, count + 1);
    });
  }

  call({ target: first, isForeign: false }, 0);
  return (message) => cancel(message);
}

/** The next call, or the reason why there is none, as the end of a sentence. */
function nextHop(hop: Hop, status: number, location: string, router: Router): Hop | string {
  const { target } = hop;
  const from = target.route.url;
  const isText = location.length <= longestUrl && /^[^\s\p{Cc}]+$/u.test(location);
  if (!isText || !URL.canParse(location, from.href)) return 'but where it points to is no URL';
  const url = new URL(location, from);
  url.hash = '';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'but points to something else than http and https';
  if (from.protocol === 'https:' && url.protocol === 'http:')
    return 'but points from https to http, which is not followed';
  if (url.username !== '' || url.password !== '') return 'but points to a URL with credentials, which is not followed';
  if (url.port === '0') return 'but points to port 0';
  const isForeign = hop.isForeign || url.origin !== from.origin;
  const becomesGet = status !== 307 && status !== 308 && target.method !== 'HEAD' && target.method !== 'GET';
  if (isForeign && !becomesGet && target.secretIn.body)
    return 'but points to another origin, to which a body with a secret is not sent';
  const route = router.routeTo(url, target.ownProxy, isForeign ? trustAlone(target.ownTls) : target.ownTls);
  const isDropped = (name: string, value: string) =>
    name === 'proxy-authorization' ||
    (isForeign && (name === 'host' || isCredential(name, value) || target.secretIn.headers.includes(name))) ||
    (becomesGet && bodyHeaders.includes(name));
  const headers: string[] = [];
  for (let place = 0; place < target.headers.length; place += 2) {
    const [name = '', value = ''] = target.headers.slice(place, place + 2);
    if (!isDropped(name, value)) headers.push(name, value);
  }
  return {
    isForeign,
    target: {
      ...target,
      route,
      headers: headers.concat(routeHeaders(route)),
      ...(becomesGet ? { method: 'GET', body: null, describesRun: false } : {}),
    },
  };
}

/** The trusted certificates stay, the caller's own certificate does not. */
function trustAlone(tls: PreparedTarget['ownTls']): PreparedTarget['ownTls'] {
  if (tls === undefined) return undefined;
  const { cert: _, key: __, ...trust } = tls;
  return trust;
}

/**
 * The outcome of a later call. Its message says which address failed. It is not `deferred`, because the target has been
 * called once.
 */
function afterRedirects(outcome: Outcome, hop: Hop): Outcome {
  const where = `after a redirect to ${hop.target.route.origin}`;
  if (outcome.status === 'deferred') {
    const error = { kind: 'unavailable' as const, message: `${where}: no connection to it became free` };
    return { ...outcome, status: 'failed', error, deferred: null };
  }
  if (outcome.error === null || outcome.status === 'cancelled') return outcome;
  return { ...outcome, error: { ...outcome.error, message: `${where}: ${outcome.error.message}` } };
}
