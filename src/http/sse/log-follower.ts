/** Sends the bytes of a log as events of text, each at the offset that its client may come back with. */

import { completeText } from '../../domain/run/log-text.ts';
import type { LogPage } from '../../usecases/logs/read-log.ts';
import type { EventStream } from './event-stream.ts';

export type LogFollower = {
  /** Reads on and sends what there is: to be called when there is news, and when the client has read. */
  goOn(): void;
};

export type LogFollowerOptions = {
  stream: EventStream;
  /** In bytes. */
  offset: number;
  /** Reads on from an offset; null where the run is gone. */
  read: (offset: number) => Promise<LogPage | null>;
  onError: (error: unknown) => void;
};

/** One page is in memory at a time, and nothing is read before the client has taken what was sent. */
export function createLogFollower({ stream, offset, read, onError }: LogFollowerOptions): LogFollower {
  let at = offset;
  let isReading = false;
  let isAsked = false;
  let isOver = false;

  function end(data: object): void {
    isOver = true;
    stream.end({ event: 'end', id: String(at), data: JSON.stringify(data) });
  }

  /** Sends a page; false where the client has to read first. */
  function send({ parts, isComplete, dropped }: LogPage): boolean {
    for (const { from, bytes } of parts) {
      if (from > at) {
        if (!stream.send({ event: 'dropped', id: String(from), data: JSON.stringify({ from: at, to: from }) }))
          return false;
        at = from;
      }
      const isLast = dropped !== null && at + bytes.length === dropped.from;
      const text = isComplete || isLast ? bytes : completeText(bytes);
      if (text.length === 0) continue;
      if (!stream.send({ event: 'log', id: String(at + text.length), data: text.toString() })) return false;
      at += text.length;
    }
    return true;
  }

  async function readOn(): Promise<void> {
    for (;;) {
      isAsked = false;
      const page = await read(at);
      if (isOver) return;
      if (page === null) return end({ bytes: at });
      const before = at;
      if (!send(page)) return;
      if (page.isComplete) return end({ bytes: page.next });
      if (at === before && !isAsked) return;
    }
  }

  return {
    goOn() {
      isAsked = true;
      if (isReading || isOver) return;
      isReading = true;
      readOn()
        .catch(onError)
        .finally(() => {
          isReading = false;
        });
    },
  };
}
