/** What changes in the cluster, for those who follow it: the changes of this replica and of the others. */

import type { Clock, Timer } from '../clock.ts';
import type { Listener } from './channel.ts';
import { createHub, type Listening } from './hub.ts';
import { createRelay, type Wire } from './relay.ts';

/** Notes that something changed with runs of a task. Costs next to nothing where nobody listens. */
export type NoteRuns = (namespace: string, task: string, count?: number) => void;

export type Live = {
  runsChanged: NoteRuns;
  /** A task was written by any replica: each replica reads all changes of tasks itself. */
  taskChanged(namespace: string, task: string): void;
  /** The other replicas that live are not those from before; `gone` where one of them lives no more. */
  peersChanged(gone: boolean): void;
  /** This replica is not as it was, such as when it shuts down. */
  clusterChanged(): void;
  /** Resolves when the other replicas know of it, or could not be told. */
  listen(namespace: string, listener: Listener): Promise<Listening>;
  /** For the wire: see `Relay`. */
  receive(text: string): void;
  opened(): void;
  stop(): void;
};

export type RunLook = {
  /**
   * Calls `note` with the task of each run in the namespace that has changed since it was looked at before. False where
   * nothing is known of before. Never rejects.
   */
  look(namespace: string, note: (task: string) => void): Promise<boolean>;
  forget(): void;
};

export type LiveOptions = {
  clock: Pick<Clock, 'after' | 'monotonic'>;
  /** This process, a UUID. */
  self: string;
  wire: () => Wire | null;
  hasPeers: () => boolean;
  /** Whether this process has more urgent work. */
  isBusy: () => boolean;
  /** The state of this replica as far as the topic `cluster` tells of it, as a text to be compared. */
  state: () => string;
  /** Looks for changes of runs by other replicas, when this one does not hear them. */
  look: RunLook;
};

/** How often the state of this replica is looked at while somebody listens, in milliseconds. */
const watchMs = 1_000;
/** By then the replica has written its state to the database. */
const writtenMs = 3_000;

export function createLive({ clock, self, wire, hasPeers, isBusy, state, look }: LiveOptions): Live {
  let told: Promise<void> = Promise.resolve();
  const hub = createHub({
    ...{ clock, isBusy },
    onHeard() {
      if (hub.heard().size > 0) told = relay.tell();
    },
  });
  const relay = createRelay({ clock, self, hub, wire, hasPeers });
  let timer: Timer | null = null;
  let isWatching = false;
  let lastState = '';

  const isFollowed = () => hub.heard().size > 0 || relay.isListenedTo();

  function clusterChanged(): void {
    hub.noteEverywhere('cluster');
    if (relay.isListenedTo()) relay.noteCluster();
  }

  /** Begins to look at the state of this replica, if that is not done yet. */
  function watch(): void {
    if (isWatching) return;
    isWatching = true;
    lastState = state();
    timer = clock.after(watchMs, watchAgain);
  }

  async function watchAgain(): Promise<void> {
    isWatching = isFollowed();
    if (!isWatching) return;
    const now = state();
    if (now !== lastState) {
      clusterChanged();
      // What `GET /cluster` reads follows with the next heartbeat.
      clock.after(writtenMs, clusterChanged);
    }
    lastState = now;
    if (relay.isConnected()) look.forget();
    else if (hasPeers()) await lookAtAll();
    timer = clock.after(watchMs, watchAgain);
  }

  async function lookAtAll(): Promise<void> {
    for (const namespace of hub.heard().keys()) {
      const isKnown = await look.look(namespace, (task) => hub.note(namespace, 'runs', task, 1));
      if (!isKnown) hub.lose(namespace);
    }
  }

  return {
    runsChanged(namespace, task, count = 1) {
      if (count === 0) return;
      hub.note(namespace, 'runs', task, count);
      if (relay.isWanted(namespace)) relay.note(namespace, task, count);
    },
    taskChanged: (namespace, task) => hub.note(namespace, 'tasks', task, 1),
    peersChanged(gone) {
      hub.noteEverywhere('cluster');
      // It may have taken hints along that it had not told.
      if (gone) hub.lose();
    },
    clusterChanged,
    async listen(namespace, listener) {
      const listening = hub.listen(namespace, listener);
      watch();
      await told;
      return listening;
    },
    receive(text) {
      relay.receive(text);
      if (relay.isListenedTo()) watch();
    },
    opened: relay.opened,
    stop() {
      timer?.cancel();
      isWatching = true;
      relay.stop();
      hub.stop();
    },
  };
}
