/**
 * A pool whose connections follow a route: after a failure it uses another host or new credentials, and never a server
 * that has become a standby.
 */

import pg from 'pg';
import type { Clock } from '../../clock.ts';
import { ConnectFailure, spoilsConnections } from './failure.ts';
import type { Route } from './route.ts';

export type PoolOptions = {
  route: Route;
  clock: Pick<Clock, 'monotonic'>;
  /** How long other hosts or credentials are tried after a failure, in milliseconds. */
  timeoutMs: number;
  settings: pg.PoolConfig;
  /** Sets a new connection up; rejects where it cannot be used. */
  prepare: (client: pg.ClientBase) => Promise<void>;
  /** An idle connection was lost. */
  onLost: (error: Error) => void;
};

/** The connections of one purpose. */
export type Pool = {
  /** Runs one statement on a connection of its own. A connection whose statement failed is closed. */
  query: pg.Pool['query'];
  /**
   * A connection for a transaction; its `release` gives it back and calls `released`. Rejects with a `ConnectFailure`.
   */
  connect(released?: () => void): Promise<pg.PoolClient>;
  /** How many connections are open, and how many of them are idle. */
  counts(): { total: number; idle: number };
  /** Waits for the statements under way and closes every connection. */
  end(): Promise<void>;
};

/**
 * A pool of `pg`. Where a statement shows that connections must not be used again (see `spoilsConnections`), all that
 * were open then are closed before their next use.
 */
export function createPool({ route, clock, timeoutMs, settings, prepare, onLost }: PoolOptions): Pool {
  /** The configuration of each client, and how often connections had become unusable before it was made. */
  const origins = new WeakMap<object, { config: pg.ClientConfig; spoilt: number }>();
  let spoilt = 0;
  let ended: Promise<void> | null = null;
  /** The functions to call when a client is given back. */
  const releases = new WeakMap<object, () => void>();

  /**
   * The pool of `pg` makes its clients with `new`. This class connects as the route says, and reports failures to it.
   */
  class RoutedClient extends pg.Client {
    constructor(given?: pg.ClientConfig) {
      const config = route.config();
      super({ ...given, ...config });
      origins.set(this, { config, spoilt });
    }

    override connect(): Promise<pg.Client>;
    override connect(done: (error: Error) => void): void;
    override connect(done?: (error: Error) => void): unknown {
      const connecting = super.connect().catch((error: Error) => {
        tellRoute(this, error);
        throw error;
      });
      if (done === undefined) return connecting;
      connecting.then(() => (done as () => void)(), done);
    }
  }

  function tellRoute(client: object, error: unknown): void {
    const origin = origins.get(client);
    if (origin) route.failed(origin.config, error);
  }

  const pool = new pg.Pool({
    ...settings,
    Client: RoutedClient,
    async onConnect(client) {
      try {
        await prepare(client);
      } catch (error) {
        tellRoute(client, error);
        throw error;
      }
    },
  });
  // Without listeners the loss of a connection, idle or in a transaction, would end the process; a statement under way
  // rejects besides.
  pool.on('connect', (client) => client.on('error', () => {}));
  pool.on('error', onLost);

  const isFit = (client: pg.PoolClient) => origins.get(client)?.spoilt === spoilt;

  pool.on('release', (error, client) => {
    releases.get(client)?.();
    releases.delete(client);
    if (!error || !spoilsConnections(error) || !isFit(client)) return;
    spoilt++;
    for (let idle = pool.idleCount; idle > 0; idle--)
      pool.connect().then(
        (other) => other.release(!isFit(other)),
        () => {},
      );
  });

  async function connect(released?: () => void): Promise<pg.PoolClient> {
    const startedAt = clock.monotonic();
    for (let tries = 1; ; tries++) {
      const turns = route.turns();
      let client: pg.PoolClient;
      try {
        client = await pool.connect();
      } catch (error) {
        const isWorthIt = route.turns() !== turns && tries <= route.size();
        if (isWorthIt && clock.monotonic() - startedAt < timeoutMs) continue;
        throw new ConnectFailure((error as Error).message, { cause: error });
      }
      if (isFit(client)) {
        if (released) releases.set(client, released);
        return client;
      }
      client.release(true);
      tries--;
    }
  }

  async function query(...statement: Parameters<pg.ClientBase['query']>): Promise<unknown> {
    const client = await connect();
    let failure: Error | undefined;
    try {
      return await client.query(...statement);
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      client.release(failure);
    }
  }

  return {
    query: query as pg.Pool['query'],
    connect,
    counts: () => ({ total: pool.totalCount, idle: pool.idleCount }),
    end() {
      ended ??= pool.end();
      return ended;
    },
  };
}
