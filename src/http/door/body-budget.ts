/** Bounds the memory of all bodies that are being read. */

import type { IncomingMessage } from 'node:http';
import { readRoutePath } from '../origin/namespace-path.ts';

/** The longest body of all routes but one, in bytes. */
export const usualBody = 256 * 1024;
const batchBody = 4 * 1024 * 1024;
const batchPath = /^\/tasks\/batch\/?(?:[?#]|$)/;
/** A body of a told length up to this, in bytes, is always let in: the number of connections bounds them. */
const smallBody = 16 * 1024;

const mostBytes = 128 * 1024 * 1024;
/** Callers without credentials may take one part of this many. */
const strangersShare = 4;
/** Where there is no room, bodies that have taken longer than this (milliseconds) are dropped. */
const slowMs = 2_000;

/** The memory that the body of a request may take, in bytes; 0 where there is none. */
export function bodyBytes(
  { method, url = '/', headers }: Pick<IncomingMessage, 'method' | 'url' | 'headers'>,
  basePath: string,
): number {
  const isChunked = headers['transfer-encoding'] !== undefined;
  const length = isChunked ? Infinity : Number(headers['content-length'] ?? 0);
  if (length <= usualBody) return length;
  return Math.min(length, method === 'POST' && isBatch(url, basePath) ? batchBody : usualBody);
}

function isBatch(url: string, basePath: string): boolean {
  const { path } = readRoutePath(url, basePath);
  try {
    return batchPath.test(path.includes('%') ? decodeURI(path) : path);
  } catch {
    // It cannot be routed either.
    return false;
  }
}

export type BodyBudgetOptions<Body> = {
  /** In milliseconds. */
  monotonic: () => number;
  /** Drops a body that takes too long, to make room. */
  giveUp: (body: Body) => void;
};

export type BodyBudget<Body> = {
  /**
   * Whether a body of up to so many bytes may be read. `isStranger`: its caller sends no credentials, and the service
   * asks for them.
   */
  take(body: Body, bytes: number, isStranger: boolean): boolean;
  /** The body is read, or reading has stopped. */
  giveBack(body: Body): void;
};

export function createBodyBudget<Body>({ monotonic, giveUp }: BodyBudgetOptions<Body>): BodyBudget<Body> {
  /** The oldest first. */
  const bodies = new Map<Body, { bytes: number; since: number; isStranger: boolean }>();
  let taken = 0;
  let byStrangers = 0;

  const fits = (bytes: number, isStranger: boolean) =>
    taken + bytes <= mostBytes && (!isStranger || byStrangers + bytes <= mostBytes / strangersShare);

  function giveBack(body: Body): void {
    const known = bodies.get(body);
    if (!known) return;
    bodies.delete(body);
    taken -= known.bytes;
    if (known.isStranger) byStrangers -= known.bytes;
  }

  return {
    giveBack,
    take(body, bytes, isStranger) {
      if (bytes <= smallBody) return true;
      const now = monotonic();
      for (const [oldest, other] of bodies) {
        if (fits(bytes, isStranger) || now - other.since < slowMs) break;
        // For a caller without credentials, only bodies of such callers are dropped.
        if (isStranger && !other.isStranger) continue;
        giveBack(oldest);
        giveUp(oldest);
      }
      if (!fits(bytes, isStranger)) return false;
      bodies.set(body, { bytes, since: now, isStranger });
      taken += bytes;
      if (isStranger) byStrangers += bytes;
      return true;
    },
  };
}
