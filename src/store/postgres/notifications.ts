/** Wakes other replicas by NOTIFY over one connection of its own, which also listens. A message may be lost. */

import pg from 'pg';
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';
import { type Connection, createRoute } from './route.ts';
import { prepareSession } from './session.ts';

export type NotificationOptions<Message extends string> = {
  connection: Connection;
  /** The name of the channel, at most 63 bytes. */
  channel: string;
  /** The sender, a UUID: a replica ignores its own messages. */
  self: string;
  receive: (message: Message) => void;
  /** The same for texts, which all replicas hear, their sender too. */
  receiveText: (text: string) => void;
  /** It listens, for the first time or again: messages and texts before may be lost. */
  onOpen: () => void;
  log: Logger;
  clock: Pick<Clock, 'after'>;
};

/** How long the connection, and each statement on it, may take. */
const timeoutMs = 2_000;
/** How long after a loss the connection is opened again. */
const retryMs = 2_000;
/** How often the connection is probed, in milliseconds: a server that is cut off sends no error. */
const probeMs = 10_000;
/** At most one NOTIFY in so many milliseconds: each takes a lock of the whole server for a moment. */
const spacingMs = 10;

/** The longest text, in bytes: Postgres takes 7,999. */
const mostBytes = 7_900;

/** See `createNotifications`. */
export type Notifications<Message extends string> = {
  send(message: Message): void;
  wire: { publish(texts: readonly string[]): Promise<boolean>; mostBytes: number };
  close(): void;
};

/**
 * A message is one word. The sender receives its own at once, without the detour over Postgres. The connection belongs
 * to no pool, so nothing else waits for it. Its commits do not wait for the disk, for NOTIFY writes nothing.
 */
export function createNotifications<Message extends string>({
  connection,
  channel,
  self,
  receive,
  receiveText,
  onOpen,
  log,
  clock,
}: NotificationOptions<Message>): Notifications<Message> {
  const textChannel = `${channel} changes`;
  const route = createRoute(connection);
  const unsent = new Set<Message>();
  let listening: pg.Client | null = null;
  let sending = false;
  let closed = false;

  async function open(): Promise<void> {
    if (closed) return;
    const config = route.config();
    const client = new pg.Client({
      ...config,
      application_name: `${route.applicationName} signals`,
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
      keepAlive: true,
    });
    client.on('error', () => drop(client));
    client.on('end', () => drop(client));
    client.on('notification', (heard) => {
      const { payload = '' } = heard;
      if (heard.channel === textChannel) receiveText(payload);
      else hear(payload);
    });
    try {
      await client.connect();
      await prepareSession(client, { timeoutMs, indexScansOnly: false });
      const [messages, texts] = [channel, textChannel].map((name) => client.escapeIdentifier(name));
      await client.query(`set synchronous_commit = off; listen ${messages}; listen ${texts}`);
    } catch (error) {
      route.failed(config, error);
      log.debug({ err: error }, 'could not listen for signals of other replicas');
      end(client);
      return void clock.after(retryMs, open);
    }
    if (closed) return end(client);
    listening = client;
    log.info('listening for signals of other replicas');
    clock.after(probeMs, () => probe(client));
    publish();
    onOpen();
  }

  /** Closes it in any state. */
  function end(client: pg.Client): void {
    client.end().catch(() => {});
  }

  function drop(client: pg.Client): void {
    if (listening !== client) return;
    listening = null;
    end(client);
    if (closed) return;
    log.warn('the connection for signals of other replicas was lost: changes are found by polling');
    clock.after(retryMs, open);
  }

  function probe(client: pg.Client): void {
    if (listening !== client) return;
    client.query('select').then(
      () => clock.after(probeMs, () => probe(client)),
      () => drop(client),
    );
  }

  /** A payload names the sender, then the messages. */
  function hear(payload: string): void {
    const [sender, ...messages] = payload.split(' ');
    if (sender !== self) for (const message of messages) receive(message as Message);
  }

  function publish(): void {
    if (sending || unsent.size === 0) return;
    const client = listening;
    const payload = [self, ...unsent].join(' ');
    unsent.clear();
    // Lost signals do no harm, because the replicas also poll.
    if (client === null) return;
    sending = true;
    client
      .query('select pg_notify($1, $2)', [channel, payload])
      .catch(() => drop(client))
      .finally(() =>
        clock.after(spacingMs, () => {
          sending = false;
          publish();
        }),
      );
  }

  void open();
  return {
    send(message) {
      receive(message);
      // Equal messages of one turn of the event loop are sent once.
      if (unsent.size === 0) setImmediate(publish);
      unsent.add(message);
    },
    wire: {
      mostBytes,
      async publish(texts) {
        const client = listening;
        if (client === null) return false;
        try {
          await client.query('select pg_notify($1, text) from unnest($2::text[]) text', [textChannel, texts]);
          return true;
        } catch {
          drop(client);
          return false;
        }
      },
    },
    close() {
      closed = true;
      if (listening) end(listening);
      listening = null;
    },
  };
}
