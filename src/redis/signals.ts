/** Signals wake other replicas at once after a change. A signal may be lost, so each replica also polls. */

import type { Clock, Timer } from '../clock.ts';
import type { Logger } from '../observability/log.ts';
import { connectRedis, type RedisConnection, type RedisSource } from './connection.ts';

/**
 * `tasks`: a definition changed. `waiting`: a run waits to be taken. `checks`: one waits for the answer of its hook.
 * `cancel`: a running run is to be aborted. `over`: a run has ended for whose end a caller may wait.
 * `namespaces`: the rules of one changed. `secrets`: the value of one changed.
 */
export type Signal = 'tasks' | 'waiting' | 'checks' | 'cancel' | 'over' | 'namespaces' | 'secrets';

export type Signals = {
  send(signal: Signal): void;
  close(): void;
};

/** The signals of a single replica: it receives each signal that it sends. */
export function createLocalSignals(receive: (signal: Signal) => void): Signals {
  return { send: receive, close() {} };
}

const probe = 'probe';

const quiet = (log: Logger) => log.child({}, { level: log.level === 'trace' ? 'trace' : 'error' });

/** How often the subscription is asked for again, in milliseconds. */
const checkMs = 2_000;

/**
 * Signals by Redis publish and subscribe on the channel `name`; the sender gets its own without the detour. In a
 * Cluster every node passes them on to all others, so a replica may be connected to any of them.
 */
export function createRedisSignals(
  source: RedisSource,
  publisher: RedisConnection,
  name: string,
  receive: (signal: Signal) => void,
  log: Logger,
  clock: Clock,
): Signals {
  // The other connection reports a server that is away or refuses commands.
  const subscriber = connectRedis(source, quiet(log), clock);
  const channel = publisher.prefix + name;
  let timer: Timer | null = null;
  let unanswered = false;

  function subscribe(): void {
    unanswered = true;
    subscriber.redis
      .subscribe(channel)
      .catch((error: Error) => log.debug({ err: error }, 'could not subscribe to signals'))
      .finally(() => {
        unanswered = false;
      });
  }

  /**
   * A connection that only listens does not notice that the server is gone. A Cluster's client gives up when its node
   * is away. Subscribing again detects both cases and repairs the second.
   */
  function check(): void {
    timer = clock.after(checkMs, check);
    if (!subscriber.up()) return;
    if (unanswered) subscriber.redis.disconnect(true);
    else subscribe();
  }

  subscriber.redis.on('ready', subscribe);
  publisher.watch('signals', async () => {
    // Receivers ignore it.
    await publisher.redis.publish(channel, probe);
    if (subscriber.up()) await subscriber.redis.subscribe(channel);
  });
  subscriber.redis.on(
    'message',
    (_channel: string, message: string) => message !== probe && receive(message as Signal),
  );
  check();
  const unsent = new Set<Signal>();

  function publish(): void {
    // Lost signals do no harm, because the replicas also poll.
    for (const signal of unsent) if (publisher.up('signals')) publisher.redis.publish(channel, signal).catch(() => {});
    unsent.clear();
  }

  return {
    send(signal) {
      receive(signal);
      // Equal signals of one turn of the event loop are sent once.
      if (unsent.size === 0) setImmediate(publish);
      unsent.add(signal);
    },
    close() {
      timer?.cancel();
      subscriber.close();
    },
  };
}
