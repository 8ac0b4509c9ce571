/** Turns the hints of a namespace into the events of one stream: those that its client asked for, and none twice. */

import type { Hint, Listener } from '../../live/channel.ts';
import type { Listening } from '../../live/hub.ts';
import { hintFor } from '../../live/tally.ts';
import type { Metrics } from '../../observability/metrics.ts';
import { type EventStream, encodeEvent, type ServerEvent } from './event-stream.ts';

export type FollowerOptions = {
  stream: Pick<EventStream, 'send'>;
  /** This process, with which the ids of its events begin. */
  process: string;
  topics: ReadonlySet<string>;
  /** Hints about runs and tasks are of this task alone; null for all. */
  task: string | null;
  metrics: Pick<Metrics, 'eventSent'>;
};

export type Follower = Listener & {
  /** Greets the client, and goes on after the event that it has seen last; null where it has seen none. */
  begin(listening: Listening, lastId: string | null): void;
  /** The client has read everything, after an event had to be left out. */
  ready(): void;
};

export function createFollower({ stream, process, topics, task, metrics }: FollowerOptions): Follower {
  let listening: Listening | null = null;
  /** Whether the client still has to be told that it missed something. */
  let isBehind = false;

  const eventOf = (event: string, data: string, seq: number | null): ServerEvent => ({
    event,
    ...(seq !== null && { id: `${process}:${seq}` }),
    data,
  });

  function send(name: string, event: ServerEvent | Uint8Array): void {
    if (isBehind) return;
    isBehind = !stream.send(event);
    if (!isBehind) metrics.eventSent(name);
  }

  function hear(hint: Hint): void {
    const { seq, topic, data, tally } = hint;
    if (!topics.has(topic) || isBehind) return;
    const own = task === null || topic === 'cluster' ? null : hintFor(task, tally);
    if (own !== null) send(topic, eventOf(topic, own, seq));
    else if (task === null || topic === 'cluster') {
      hint.wire ??= encodeEvent(eventOf(topic, data, seq));
      send(topic, hint.wire);
    }
  }

  function missed(): void {
    if (listening !== null) send('resync', eventOf('resync', '{}', listening.position()));
  }

  return {
    hear(hint) {
      // What changes before the greeting is part of what the client reads after it.
      if (listening !== null) hear(hint);
    },
    missed,
    begin(opened, lastId) {
      listening = opened;
      const hello = JSON.stringify({ replica: process });
      if (lastId === null) return send('hello', eventOf('hello', hello, opened.position()));
      const seq = seqOf(lastId, process);
      const hints = seq === null ? null : opened.since(seq);
      // An id that is given before the resync has been read would make the client miss it.
      send('hello', eventOf('hello', hello, hints === null ? null : seq));
      if (hints === null) missed();
      else for (const hint of hints) hear(hint);
    },
    ready() {
      isBehind = false;
      missed();
    },
  };
}

/** The number in the id of an event of this process; null for another id. */
function seqOf(id: string, process: string): number | null {
  const [, from, seq] = /^(.+):(\d{1,15})$/.exec(id) ?? [];
  return from === process ? Number(seq) : null;
}
