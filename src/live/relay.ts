/**
 * Passes changes on to the replicas at which somebody listens. A replica at which somebody listens says so every two
 * seconds; where nobody does, nothing is sent. It hears its own words too, and so it knows whether it would hear others.
 */

import type { Clock, Timer } from '../clock.ts';
import type { Hub } from './hub.ts';
import { type Message, readMessage, textsOfRuns } from './messages.ts';
import { createPacer } from './pacer.ts';
import { addChanges, emptyTally, type Tally } from './tally.ts';

/** The way to the other replicas. */
export type Wire = {
  /** Sends texts to all replicas, this one too. Resolves with false where that is not possible now; never rejects. */
  publish(texts: readonly string[]): Promise<boolean>;
  /** The longest text, in bytes. */
  mostBytes: number;
};

export type Relay = {
  /** Whether another replica wants to hear of a namespace's runs. */
  isWanted(namespace: string): boolean;
  /** Whether another replica wants to hear of anything. */
  isListenedTo(): boolean;
  /** Notes changes of a task's runs, to be passed on. */
  note(namespace: string, task: string, count: number): void;
  noteCluster(): void;
  /** Takes a text from the wire. */
  receive(text: string): void;
  /** The wire is open, for the first time or again. */
  opened(): void;
  /** The namespaces with listeners have changed: resolves when the others have been told, or cannot be. */
  tell(): Promise<void>;
  /** Whether this replica hears others; true where there can be none. */
  isConnected(): boolean;
  stop(): void;
};

export type RelayOptions = {
  clock: Pick<Clock, 'after' | 'monotonic'>;
  /** This process. */
  self: string;
  hub: Pick<Hub, 'heard' | 'note' | 'noteEverywhere' | 'lose'>;
  /** Null for a single replica. */
  wire: () => Wire | null;
  /** Whether other replicas live. */
  hasPeers: () => boolean;
};

/** How often a replica says that somebody listens, in milliseconds. */
const tellMs = 2_000;
/** For how long that is believed. */
const believedMs = 7_000;
/** Without its own words for so long a replica hears others no more. */
const deafMs = 5_000;
/** Longer lists of namespaces are not told. */
const mostNamespaces = 100;

export function createRelay({ clock, self, hub, wire, hasPeers }: RelayOptions): Relay {
  /** What the other replicas want to hear; null for everything. */
  const wishes = new Map<string, { until: number; namespaces: ReadonlySet<string> | null }>();
  let pending = new Map<string, Tally>();
  let clusterChanged = false;
  let timer: Timer | null = null;
  /** When this replica last heard its own words; null while it has not said any. */
  let heardAt: number | null = null;
  let isDeaf = false;
  let wasOpen = false;

  const pacer = createPacer(clock, () => {
    const line = wire();
    const tallies = pending;
    pending = new Map();
    if (line === null) return;
    const texts = textsOfRuns(self, tallies, line.mostBytes);
    if (clusterChanged) texts.push(textOf({ from: self, kind: 'cluster' }));
    clusterChanged = false;
    if (texts.length > 0) void line.publish(texts);
  });

  function wants(namespace: string | null): boolean {
    if (wishes.size === 0) return false;
    const now = clock.monotonic();
    for (const [id, { until, namespaces }] of wishes) {
      if (until < now) wishes.delete(id);
      else if (namespace === null || namespaces === null || namespaces.has(namespace)) return true;
    }
    return false;
  }

  async function tell(): Promise<void> {
    const line = wire();
    const namespaces = [...hub.heard().keys()];
    if (line === null || namespaces.length === 0) return;
    const told = namespaces.length > mostNamespaces ? null : namespaces;
    await line.publish([textOf({ from: self, kind: 'listening', namespaces: told })]);
  }

  function tellAgain(): void {
    timer = null;
    if (hub.heard().size === 0) {
      heardAt = null;
      isDeaf = false;
      return;
    }
    isDeaf ||= wire() !== null && heardAt !== null && clock.monotonic() - heardAt > deafMs;
    void tell();
    timer = clock.after(tellMs, tellAgain);
  }

  /** Hints of other replicas may have been lost. */
  function lose(): void {
    if (hasPeers()) hub.lose();
  }

  async function tellAndLose(): Promise<void> {
    await tell();
    lose();
  }

  function hearOther(message: Message): void {
    switch (message.kind) {
      case 'hello':
        // It did not know that somebody listens here, and has told nothing of its changes.
        if (message.again) void tellAndLose();
        else void tell();
        break;
      case 'listening': {
        const { from, namespaces } = message;
        const until = clock.monotonic() + believedMs;
        wishes.set(from, { until, namespaces: namespaces === null ? null : new Set(namespaces) });
        break;
      }
      case 'cluster':
        hub.noteEverywhere('cluster');
        break;
      case 'runs':
        for (const [namespace, byTask, others] of message.runs) {
          for (const [task, count] of byTask) hub.note(namespace, 'runs', task, count);
          if (others > 0) hub.note(namespace, 'runs', undefined, others);
        }
    }
  }

  return {
    isWanted: wants,
    isListenedTo: () => wants(null),
    note(namespace, task, count) {
      const tally = pending.get(namespace) ?? emptyTally();
      addChanges(tally, task, count);
      pending.set(namespace, tally);
      pacer.mark();
    },
    noteCluster() {
      clusterChanged = true;
      pacer.mark();
    },
    receive(text) {
      const message = readMessage(text);
      if (message === null) return;
      if (message.from !== self) return hearOther(message);
      heardAt = clock.monotonic();
      if (!isDeaf) return;
      isDeaf = false;
      lose();
    },
    opened() {
      void wire()?.publish([textOf({ from: self, kind: 'hello', again: wasOpen })]);
      // Who hears nothing finds out by itself when it hears again.
      if (wasOpen && !isDeaf) void tellAndLose();
      wasOpen = true;
    },
    tell() {
      heardAt ??= clock.monotonic();
      timer ??= clock.after(tellMs, tellAgain);
      return tell();
    },
    isConnected: () => !isDeaf,
    stop() {
      pacer.flush();
      pacer.stop();
      timer?.cancel();
    },
  };
}

function textOf(message: Message): string {
  return JSON.stringify(message);
}
