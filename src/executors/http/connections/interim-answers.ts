/**
 * Removes interim answers (1xx) from the bytes that a connection reads, because the HTTP client breaks the connection
 * at some of them.
 */

import type { Socket } from 'node:net';
import { judgeLimit } from '../answer/answer.ts';
import { overlongCode } from '../outcome.ts';

/** The state of the answer to the call on a connection. */
export type AnswerWatch = {
  /** A request is about to be written: bytes that are read from now on answer it. */
  expect(): void;
  /** Whether a byte of the answer has come since then. */
  hasBegun(): boolean;
};

/** The beginning of a final answer or an interim one: `HTTP/1.1 1`. */
const startLength = 10;
const longestHead = 16 * 1024;

/**
 * Makes `socket.read` pass over interim answers, however many come (RFC 9110 §15.2), and says whether an answer has
 * begun. Interim answers of more than 1 MiB in all end the connection: that many are an attack or a defect.
 */
export function skipInterimAnswers(socket: Socket): AnswerWatch {
  const readOn = socket.read.bind(socket) as (size?: number) => Buffer | null;
  let hasBegun = false;
  let isFinal = true;
  let skipped = 0;
  /** An interim answer, or the beginning of any, that is not complete yet. */
  let held: Buffer | null = null;

  /** The rest of a chunk without the interim answers before it; null where the final one has not begun. */
  function withoutInterim(chunk: Buffer): Buffer | null {
    let rest = held === null ? chunk : Buffer.concat([held, chunk]);
    held = null;
    while (rest.length > 0) {
      if (!isInterim(rest)) {
        isFinal = rest.length >= startLength || !mayBecomeInterim(rest);
        if (isFinal) return rest;
        held = rest;
        return null;
      }
      const end = endOfHead(rest);
      if (end < 0) {
        if (rest.length > longestHead) fail('UND_ERR_HEADERS_OVERFLOW', 'headers too long');
        else held = rest;
        return null;
      }
      skipped += end;
      if (skipped > judgeLimit) {
        fail(overlongCode, 'the target sent more than 1 MiB of interim answers');
        return null;
      }
      rest = rest.subarray(end);
    }
    return null;
  }

  function fail(code: string, message: string): void {
    socket.destroy(Object.assign(new Error(message), { code }));
  }

  socket.read = (size?: number) => {
    for (;;) {
      const chunk = readOn(size);
      if (chunk === null || chunk.length === 0) return chunk;
      hasBegun = true;
      if (isFinal) return chunk;
      const rest = withoutInterim(chunk);
      if (rest !== null || socket.destroyed) return rest;
    }
  };

  return {
    expect() {
      hasBegun = false;
      isFinal = false;
      skipped = 0;
      held = null;
    },
    // Some bytes may have arrived and not been read yet.
    hasBegun: () => hasBegun || socket.readableLength > 0,
  };
}

/** Whether the bytes begin with `HTTP/1.x 1`, where x is any byte. */
function isInterim(bytes: Buffer): boolean {
  return bytes.length >= startLength && bytes[9] === 0x31 && mayBecomeInterim(bytes);
}

/** Whether the bytes are, or may be continued to, `HTTP/1.x 1`. */
function mayBecomeInterim(bytes: Buffer): boolean {
  for (let place = 0; place < Math.min(bytes.length, startLength); place++)
    if (place !== 7 && bytes[place] !== start.charCodeAt(place)) return false;
  return true;
}

const start = 'HTTP/1.x 1';

/**
 * Where the head at the beginning of the bytes ends, by an empty line (RFC 9112 §2.2: CR is optional); -1 when it does
 * not.
 */
function endOfHead(bytes: Buffer): number {
  const ends = [bytes.indexOf('\n\r\n') + 3, bytes.indexOf('\n\n') + 2].filter((end) => end > 2);
  return ends.length === 0 ? -1 : Math.min(...ends);
}
