/** Which occurrences this replica claims first, so that live replicas do not race for every one of them. */

import { createHash } from 'node:crypto';

export type Share = {
  /** These are the replicas that fire: this one, and the others. */
  follow(own: string, peers: readonly string[]): void;
  /** Whether this replica comes first for the task; true for all of them while it knows of no other. */
  isOwn(uid: number): boolean;
};

/**
 * By rendezvous hashing (Thaler and Ravishankar, 1998): the replica with the highest weight for a task has it. When one
 * goes, only its own tasks move, evenly to the others. Two replicas that see different others may both come first for a
 * task, or none: the fence and the hand-over after a while are for that.
 */
export function createShare(): Share {
  let own = 0;
  let others: number[] = [];
  return {
    follow(id, peers) {
      own = seedOf(id);
      others = peers.map(seedOf);
    },
    isOwn(uid) {
      const weight = weightOf(uid, own);
      return others.every((seed) => weightOf(uid, seed) < weight);
    },
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
