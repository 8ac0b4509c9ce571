/** Which occurrences this replica claims first, so that live replicas do not race for every one of them. */

import { createHash } from 'node:crypto';
import { compareZoneData, newestZoneData } from '../../domain/schedule/zones/zone-data.ts';
import type { Peer } from '../../store/cluster/replicas.ts';

export type Partition = {
  /** Sets the live replicas: this one and its peers. */
  follow(own: string, peers: readonly Peer[]): void;
  /**
   * Whether the task is in this replica's partition; true for all tasks while it knows of no other replica. `zoned`
   * where the task's instants depend on time zone data.
   */
  isOwn(uid: number, zoned: boolean): boolean;
  /** Whether it may claim the task's occurrences at all. */
  mayClaim(zoned: boolean): boolean;
  zones(): ZoneData;
};

/** The versions of time zone data of the live replicas; null where one is not known. */
export type ZoneData = {
  own: string | null;
  /** Of the replicas that claim due occurrences, this one included. */
  newest: string | null;
  /** Whether there is a newer one than this replica's. */
  outdated: boolean;
  /** Each version once, the newest first. */
  versions: readonly (string | null)[];
};

/**
 * By rendezvous hashing (Thaler and Ravishankar, 1998): the replica with the highest weight for a task has it. When a
 * replica goes, only its own tasks move, evenly to the others. Replicas whose views differ may both claim a task first,
 * or neither does. The fence covers the first case, and the other replicas' later claim covers the second.
 *
 * Replicas with different time zone data would fire a daily task at two instants of one day. The fence cannot prevent
 * that, because the instants differ. So only replicas with the newest data claim tasks in a time zone.
 */
export function createPartition(tz: string | null): Partition {
  let own = 0;
  let others: number[] = [];
  let othersForZoned: number[] = [];
  let zones: ZoneData = { own: tz, newest: tz, outdated: false, versions: [tz] };
  return {
    follow(id, peers) {
      const firing = peers.filter((peer) => peer.firing);
      const newest = newestZoneData([tz, ...firing.map((peer) => peer.tz)]);
      own = seedOf(id);
      others = firing.map((peer) => seedOf(peer.id));
      othersForZoned = firing.filter((peer) => peer.tz === newest).map((peer) => seedOf(peer.id));
      const versions = [...new Set([tz, ...peers.map((peer) => peer.tz)])].sort((a, b) => compareZoneData(b, a));
      zones = { own: tz, newest, outdated: compareZoneData(tz, newest) < 0, versions };
    },
    isOwn(uid, zoned) {
      if (zoned && zones.outdated) return false;
      const weight = weightOf(uid, own);
      return (zoned ? othersForZoned : others).every((seed) => weightOf(uid, seed) < weight);
    },
    mayClaim: (zoned) => !(zoned && zones.outdated),
    zones: () => zones,
  };
}

function seedOf(id: string): number {
  return createHash('sha256').update(id).digest().readInt32LE();
}

/** Mixes both into 32 bits; the last steps are the finalizer of MurmurHash3. */
function weightOf(uid: number, seed: number): number {
  let hash = Math.imul(uid, 0x9e3779b1) ^ seed ^ Math.floor(uid / 2 ** 32);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
