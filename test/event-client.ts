/** Reads a stream of server-sent events. */

import { onTestFinished } from 'vitest';
import { poll } from './poll.ts';

export type ReceivedEvent = { event: string; id: string | null; data: string };

export type EventClient = {
  status: number;
  headers: Headers;
  /** All that have come so far. */
  events: ReceivedEvent[];
  /** The comments among them. */
  comments(): number;
  /** The first event from the place `from` on that is as asked. */
  next(event: string, options?: { from?: number; withinMs?: number }): Promise<ReceivedEvent>;
  /** The sum of the counts of the hints of a topic. */
  counted(topic: string): number;
  ended(): boolean;
  close(): void;
};

/** Connects; the connection is closed with the test at the latest. */
export async function openEvents(url: string, headers: Record<string, string> = {}): Promise<EventClient> {
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const answer = await fetch(url, { headers, signal: ending.signal });
  const events: ReceivedEvent[] = [];
  let comments = 0;
  let isOver = false;
  void read().catch(() => {
    isOver = true;
  });

  async function read(): Promise<void> {
    let rest = '';
    for await (const bytes of answer.body ?? []) {
      rest += Buffer.from(bytes).toString();
      const blocks = rest.split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        if (block.startsWith(':')) comments++;
        else events.push(eventOf(block));
      }
    }
    isOver = true;
  }

  return {
    status: answer.status,
    headers: answer.headers,
    events,
    comments: () => comments,
    next: (event, { from = 0, withinMs } = {}) =>
      poll(() => events.slice(from).find((each) => each.event === event), {
        what: `the event ${event} among ${JSON.stringify(events)}`,
        ...(withinMs !== undefined && { withinMs }),
      }),
    counted: (topic) =>
      events.filter(({ event }) => event === topic).reduce((sum, { data }) => sum + JSON.parse(data).count, 0),
    ended: () => isOver,
    close: () => ending.abort(),
  };
}

function eventOf(block: string): ReceivedEvent {
  const fields = block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
  const textOf = (name: string) => fields.filter(([field]) => field === name).map(([, value]) => value);
  return { event: textOf('event')[0] ?? 'message', id: textOf('id')[0] ?? null, data: textOf('data').join('\n') };
}
