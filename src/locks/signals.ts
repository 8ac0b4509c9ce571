/** Tells the other replicas at once that something changed. A signal may be lost: each of them also polls. */

import type { Logger } from '../log.ts';
import { connectRedis, type RedisConnection } from './redis.ts';

/** `tasks`: a definition changed. `waiting`: a run waits to be taken. `cancel`: a running run is to be aborted. */
export type Signal = 'tasks' | 'waiting' | 'cancel';

export type Signals = {
  send(signal: Signal): void;
  close(): void;
};

/** The signals of a replica that is alone: what it sends comes straight back. */
export function createLocalSignals(receive: (signal: Signal) => void): Signals {
  return { send: receive, close() {} };
}

/** Signals by Redis publish and subscribe on `channel`; the sender gets its own without the detour. */
export function createRedisSignals(
  url: string,
  publisher: RedisConnection,
  channel: string,
  receive: (signal: Signal) => void,
  log: Logger,
): Signals {
  const subscriber = connectRedis(url, log);
  subscriber.redis.on('ready', () => {
    subscriber.redis
      .subscribe(channel)
      .catch((error: Error) => log.debug({ err: error }, 'could not subscribe to signals'));
  });
  subscriber.redis.on('message', (_channel: string, message: string) => receive(message as Signal));
  return {
    send(signal) {
      receive(signal);
      if (publisher.up()) publisher.redis.publish(channel, signal).catch(() => {}); // Lost signals are what the polls are for.
    },
    close: () => subscriber.close(),
  };
}
