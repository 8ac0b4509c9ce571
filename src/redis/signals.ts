/**
 * Signals wake other replicas at once after a change. A signal may be lost, so each replica also polls. The same
 * connections carry texts about changes, for the replicas at which somebody listens.
 */

import type { Clock, Timer } from '../clock.ts';
import type { Wire } from '../live/relay.ts';
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
  /** The way for texts; null for a single replica. */
  wire: Wire | null;
  close(): void;
};

/** What hears of signals and texts. */
export type Receiver = {
  signal(signal: Signal): void;
  text(text: string): void;
  /** Texts can be heard, for the first time or again: those before may be lost. */
  opened(): void;
};

/** The longest text by Redis, in bytes. */
const mostBytes = 64 * 1024;

/** The signals of a single replica: it receives each signal that it sends. */
export function createLocalSignals(receive: (signal: Signal) => void): Signals {
  return { send: receive, wire: null, close() {} };
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
  receiver: Receiver,
  log: Logger,
  clock: Clock,
): Signals {
  // The other connection reports a server that is away or refuses commands.
  const subscriber = connectRedis(source, quiet(log), clock);
  const channel = publisher.prefix + name;
  const textChannel = `${channel}:changes`;
  let timer: Timer | null = null;
  let unanswered = false;
  let hearsTexts = false;

  function subscribe(): void {
    unanswered = true;
    subscriber.redis
      .subscribe(channel)
      .catch((error: Error) => log.debug({ err: error }, 'could not subscribe to signals'))
      .finally(() => {
        unanswered = false;
      });
    // Apart: a user who may not subscribe to it still gets signals.
    subscriber.redis.subscribe(textChannel).then(
      () => {
        if (!hearsTexts) receiver.opened();
        hearsTexts = true;
      },
      (error: Error) => log.debug({ err: error }, 'could not subscribe to changes'),
    );
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
  subscriber.redis.on('close', () => {
    hearsTexts = false;
  });
  publisher.watch('signals', async () => {
    // Receivers ignore it.
    await publisher.redis.publish(channel, probe);
    if (subscriber.up()) await subscriber.redis.subscribe(channel);
  });
  subscriber.redis.on('message', (from: string, message: string) => {
    if (from === textChannel) receiver.text(message);
    else if (message !== probe) receiver.signal(message as Signal);
  });
  check();
  const unsent = new Set<Signal>();

  function publish(): void {
    // Lost signals do no harm, because the replicas also poll.
    for (const signal of unsent) if (publisher.up('signals')) publisher.redis.publish(channel, signal).catch(() => {});
    unsent.clear();
  }

  return {
    send(signal) {
      receiver.signal(signal);
      // Equal signals of one turn of the event loop are sent once.
      if (unsent.size === 0) setImmediate(publish);
      unsent.add(signal);
    },
    wire: {
      mostBytes,
      async publish(texts) {
        if (!publisher.up('signals')) return false;
        const sent = await Promise.allSettled(texts.map((text) => publisher.redis.publish(textChannel, text)));
        return sent.every(({ status }) => status === 'fulfilled');
      },
    },
    close() {
      timer?.cancel();
      subscriber.close();
    },
  };
}
