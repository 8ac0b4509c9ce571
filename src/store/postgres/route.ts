/** Where the next connection to Postgres goes: which host of several, and by which credentials. */

import type pg from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';
import { readPostgresUrl } from '../../domain/input/postgres-url.ts';
import { isRefused } from './failure.ts';

/** A connection string, or a socket folder of the embedded store. */
export type Connection =
  | {
      connectionString: string;
      /** Reads the connection string again, because credentials in a file may have changed. Never throws. */
      readAgain?: () => string;
    }
  | { host: string; port: number; user: string; database: string };

export type Route = {
  /** The configuration of the client of the next connection. */
  config(): pg.ClientConfig;
  /**
   * A connection with this configuration failed or is read-only. The next one uses another host or other credentials,
   * where there are any.
   */
  failed(config: pg.ClientConfig, error: unknown): void;
  /** Rises whenever the next connection will use another host or other credentials. */
  turns(): number;
  /** How many hosts there are. */
  size(): number;
  /** The name of the connections in `pg_stat_activity`. */
  applicationName: string;
};

/** Throws on an invalid connection string; settings are checked before. */
export function createRoute(connection: Connection): Route {
  if ('host' in connection)
    return { config: () => connection, failed() {}, turns: () => 0, size: () => 1, applicationName: 'punctual' };
  let text = connection.connectionString;
  let { configs, applicationName } = read(text);
  let place = 0;
  let turns = 0;

  return {
    config: () => configs[place] as pg.ClientConfig,
    failed(config, error) {
      // Another caller may have reported the same failure before.
      if (config !== configs[place]) return;
      if (isRefused(error)) {
        const now = connection.readAgain?.() ?? text;
        if (now !== text) {
          text = now;
          configs = read(now).configs;
          place = 0;
          turns++;
          return;
        }
      }
      if (configs.length === 1) return;
      place = (place + 1) % configs.length;
      turns++;
    },
    turns: () => turns,
    size: () => configs.length,
    applicationName: applicationName ?? 'punctual',
  };
}

function read(text: string): { configs: pg.ClientConfig[]; applicationName: string | null } {
  const url = readPostgresUrl(text);
  if (!url.ok) throw new Error(`the URL of Postgres ${url.errors.join(', and ')}`);
  const configs = url.value.hosts.map((host): pg.ClientConfig => {
    const { user, password, host: name, port, database, ssl, sslnegotiation, options } = parseIntoClientConfig(host);
    // Only these: other parameters of a URL must not change the settings of the connection.
    const all = { user, password, host: name, port, database, ssl, sslnegotiation, options };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== ''));
  });
  return { configs, applicationName: url.value.applicationName };
}
