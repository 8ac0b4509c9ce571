/** Reads the URL of a Postgres: one host or several, and which of libpq's parameters hold. */

import { ok, type Result } from '../../errors.ts';

export type PostgresUrl = {
  /** One URL for each host, in the order in which they are tried. */
  hosts: readonly string[];
  /** The name of the connections; null where the URL gives none. */
  applicationName: string | null;
  /** A `sslmode` that is read in another way than libpq does; null where there is none. */
  strictMode: string | null;
};

const example = 'must be a URL such as postgres://user:password@host:5432/database';
const tlsModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];
/** As libpq names them. The others ask for servers that cannot be written to. */
const sessions = ['any', 'read-write', 'primary'];
/**
 * The parameters that are read here. All others of a URL are not passed on, because they could change settings that we
 * rely on.
 */
const passedOn = [
  'user',
  'password',
  'ssl',
  'sslmode',
  'sslcert',
  'sslkey',
  'sslrootcert',
  'sslnegotiation',
  'options',
];

/**
 * Reads `postgres[ql]://user:password@host:port,host2:port2/database?parameters`; faults are phrases that follow the
 * setting's name, and repeat nothing secret. As in libpq, `host` and `port` may be lists in the query instead.
 */
export function readPostgresUrl(input: string): Result<PostgresUrl, string[]> {
  const [, scheme, login = '', authority = '', path = '', query = ''] =
    /^(postgres(?:ql)?):\/\/(?:([^/?#\s]*)@)?([^/?#\s@]*)(\/[^?#\s]*)?(?:\?(\S*))?$/i.exec(input) ?? [];
  if (scheme === undefined || (authority === '' && path === '' && query === '')) return refuse(example);
  const given = new URLSearchParams(query);
  const mode = given.get('sslmode');
  const asLibpq = given.get('uselibpqcompat') === 'true';
  const session = given.get('target_session_attrs') ?? 'any';
  const faults: string[] = [];
  if (mode !== null && !tlsModes.includes(mode)) faults.push(`has a sslmode that is none of ${tlsModes.join(', ')}`);
  if (mode === 'verify-ca' && asLibpq && given.get('sslrootcert') === null)
    faults.push('asks for sslmode=verify-ca without a sslrootcert');
  if (!sessions.includes(session))
    faults.push(`has target_session_attrs that are none of ${sessions.join(', ')}: everything here is written`);
  if (faults.length > 0) return refuse(...faults);

  const parameters = new URLSearchParams();
  for (const name of passedOn) {
    const value = given.get(name);
    if (value !== null) parameters.set(name, value);
  }
  // The library warns of a future change of these modes, so the URL names the present behaviour.
  const strictMode = !asLibpq && mode !== null && ['prefer', 'require', 'verify-ca'].includes(mode) ? mode : null;
  if (strictMode !== null) parameters.set('sslmode', 'verify-full');
  if (asLibpq) parameters.set('uselibpqcompat', 'true');

  const hosts = placesOf(authority, given.get('host'), given.get('port')).map(({ host, port }) => {
    const own = new URLSearchParams(parameters);
    // The authority of a URL cannot hold the path of a Unix socket.
    const isSocket = host.startsWith('/');
    if (isSocket) own.set('host', host);
    if (isSocket && port !== '') own.set('port', port);
    const place = isSocket ? 'socket' : `${host}${port && `:${port}`}`;
    return `postgres://${login && `${login}@`}${place}${path}${own.size > 0 ? `?${own}` : ''}`;
  });
  if (!hosts.every((url) => URL.canParse(url))) return refuse(example);
  return ok({ hosts, applicationName: given.get('application_name') || null, strictMode });
}

/** The hosts and ports: from the query where it names any, one port for all or one for each. */
function placesOf(authority: string, host: string | null, port: string | null): { host: string; port: string }[] {
  const places = (host ?? authority).split(',').map((each) => {
    const [, name = each, number = ''] = (host === null && /^(\[[^\]]*\]|[^:[\]]*)(?::(\d*))?$/.exec(each)) || [];
    return { host: decodedSocket(name) || 'localhost', port: number };
  });
  const ports = port?.split(',') ?? [];
  return places.map((place, index) => ({
    ...place,
    port: place.port || (ports.length === 1 ? ports[0] : ports[index]) || '',
  }));
}

/** `%2Fvar%2Frun` in the place of a host names a Unix socket. */
const decodedSocket = (host: string) => (/^%2f/i.test(host) ? decodeURIComponent(host) : host);

const refuse = (...errors: string[]): { ok: false; errors: string[] } => ({ ok: false, errors });
