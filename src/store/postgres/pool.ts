/**
 * A pool whose connections follow a route: another host, other credentials, and none of a server that became a standby.
 */

import pg from 'pg';
import type { Clock } from '../../clock.ts';
import { ConnectFailure, spoilsConnections } from './failure.ts';
import type { Route } from './route.ts';

export type PoolOptions = {
  route: Route;
  clock: Pick<Clock, 'monotonic'>;
  /** For how long another way is tried where one has failed, in milliseconds. */
  timeoutMs: number;
  settings: pg.PoolConfig;
  /** Sets a new connection up; rejects where it cannot be used. */
  prepare: (client: pg.ClientBase) => Promise<void>;
};

/**
 * A pool of `pg`. A connection that cannot be had rejects with a `ConnectFailure`. Where a statement shows that
 * connections must not be used again (see `spoilsConnections`), all that were open then are closed before their next
 * use.
 */
export function createPool({ route, clock, timeoutMs, settings, prepare }: PoolOptions): pg.Pool {
  /** By which configuration each client was made, and how often connections had been spoilt by then. */
  const origins = new WeakMap<object, { config: pg.ClientConfig; spoilt: number }>();
  let spoilt = 0;

  function makeClient(given: pg.ClientConfig): pg.Client {
    const config = route.config();
    const client = new pg.Client({ ...given, ...config });
    origins.set(client, { config, spoilt });
    const connect = client.connect.bind(client) as (done: (error?: Error) => void) => void;
    client.connect = ((done: (error?: Error) => void) =>
      connect((error) => {
        if (error) route.failed(config, error);
        done(error);
      })) as typeof client.connect;
    return client;
  }

  const pool = new pg.Pool({
    ...settings,
    // Called with `new`, which hands over what a function returns.
    Client: function Client(given: pg.ClientConfig) {
      return makeClient(given);
    } as unknown as NonNullable<pg.PoolConfig['Client']>,
    async onConnect(client) {
      try {
        await prepare(client);
      } catch (error) {
        const config = origins.get(client)?.config;
        if (config) route.failed(config, error);
        throw error;
      }
    },
  });

  const connectOnce = pool.connect.bind(pool) as () => Promise<pg.PoolClient>;
  const isFit = (client: pg.PoolClient) => origins.get(client)?.spoilt === spoilt;

  pool.on('release', (error, client) => {
    if (!error || !spoilsConnections(error) || !isFit(client)) return;
    spoilt++;
    for (let idle = pool.idleCount; idle > 0; idle--)
      connectOnce().then(
        (other) => other.release(!isFit(other)),
        () => {},
      );
  });

  async function connect(): Promise<pg.PoolClient> {
    const startedAt = clock.monotonic();
    for (let tries = 1; ; tries++) {
      const turns = route.turns();
      let client: pg.PoolClient;
      try {
        client = await connectOnce();
      } catch (error) {
        const isWorthIt = route.turns() !== turns && tries <= route.size();
        if (isWorthIt && clock.monotonic() - startedAt < timeoutMs) continue;
        throw new ConnectFailure((error as Error).message, { cause: error });
      }
      if (isFit(client)) return client;
      client.release(true);
      tries--;
    }
  }

  type Done = (
    error: Error | undefined,
    client: pg.PoolClient | undefined,
    release: (error?: Error | boolean) => void,
  ) => void;
  pool.connect = ((done?: Done) => {
    if (done === undefined) return connect();
    connect().then(
      (client) => done(undefined, client, client.release),
      (error: Error) => done(error, undefined, () => {}),
    );
  }) as typeof pool.connect;
  return pool;
}
