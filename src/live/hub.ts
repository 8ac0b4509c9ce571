/** The hints of one replica: a channel for each namespace in which somebody listens. */

import type { Clock } from '../clock.ts';
import { type Channel, createChannel, type Hint, type Listener } from './channel.ts';
import type { Topic } from './tally.ts';

/** A channel as one listener has it. */
export type Listening = {
  position(): number;
  /** See `Channel`. */
  since(seq: number): Hint[] | null;
  close(): void;
};

export type Hub = {
  /** Listens in a namespace from now on. */
  listen(namespace: string, listener: Listener): Listening;
  /** Notes changes in a namespace; see `Channel`. Costs next to nothing where nobody listens. */
  note(namespace: string, topic: Topic, task: string | null | undefined, count: number): void;
  /** Notes a change that belongs to no namespace. */
  noteEverywhere(topic: Topic): void;
  /** The namespaces in which somebody listens, or did a moment ago. */
  heard(): ReadonlyMap<string, unknown>;
  /** Hints were lost, in a namespace or in all. */
  lose(namespace?: string): void;
  stop(): void;
};

/** For so long after the last listener has left its hints are kept, in milliseconds: it may come back. */
const lingerMs = 60_000;

export type HubOptions = {
  clock: Pick<Clock, 'after' | 'monotonic'>;
  /** Whether this process has more urgent work. */
  isBusy: () => boolean;
  /** `heard` has changed. */
  onHeard: () => void;
};

export function createHub({ clock, isBusy, onHeard }: HubOptions): Hub {
  const channels = new Map<string, Channel>();

  function channelOf(namespace: string): Channel {
    const known = channels.get(namespace);
    if (known) return known;
    // Far fewer hints than one in a millisecond are sent, so no earlier channel of this process came this far.
    const channel = createChannel(clock, Math.floor(clock.monotonic()), isBusy);
    channels.set(namespace, channel);
    onHeard();
    return channel;
  }

  function forget(namespace: string, channel: Channel): void {
    if (channel.listeners.size > 0 || channels.get(namespace) !== channel) return;
    channel.stop();
    channels.delete(namespace);
    onHeard();
  }

  return {
    listen(namespace, listener) {
      const channel = channelOf(namespace);
      channel.listeners.add(listener);
      return {
        position: channel.position,
        since: channel.since,
        close() {
          if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return;
          clock.after(lingerMs, () => forget(namespace, channel));
        },
      };
    },
    note(namespace, topic, task, count) {
      channels.get(namespace)?.note(topic, task, count);
    },
    noteEverywhere(topic) {
      for (const channel of channels.values()) channel.note(topic, null, 1);
    },
    heard: () => channels,
    lose(namespace) {
      if (namespace !== undefined) channels.get(namespace)?.lose();
      else for (const channel of channels.values()) channel.lose();
    },
    stop() {
      for (const channel of channels.values()) channel.stop();
    },
  };
}
