/** Talks to a server byte by byte, for what no HTTP client sends. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { poll } from './poll.ts';

export type RawAnswer = { status: number; headers: Record<string, string>; body: string };

/** A connection that is closed with the test at the latest. */
export async function connectTo(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname.replace(/[[\]]/g, ''));
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/**
 * Sends text as it is and reads until the other side closes, or as many answers with a length as are asked for are
 * there.
 */
export async function exchange(url: string, text: string, answers = 1, withinMs = 40_000): Promise<RawAnswer[]> {
  const socket = await connectTo(url);
  let received = '';
  let closed = false;
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk;
  });
  socket.on('close', () => {
    closed = true;
  });
  socket.write(text, 'latin1');
  await poll(async () => closed || parse(received).length >= answers, {
    withinMs,
    what: `answers to ${JSON.stringify(text.slice(0, 80))}`,
  });
  return parse(received);
}

/** The one answer to it. */
export async function ask(url: string, text: string): Promise<RawAnswer & { problem: Record<string, unknown> }> {
  const [answer] = await exchange(url, text);
  if (!answer) throw new Error(`no answer to ${JSON.stringify(text.slice(0, 80))}`);
  return { ...answer, problem: answer.body.startsWith('{') ? JSON.parse(answer.body) : {} };
}

function parse(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = text; ; ) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return answers;
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    rest = rest.slice(end + 4);
    if (status === 100) continue;
    const length = Number(headers['content-length'] ?? 0);
    if (rest.length < length) return answers;
    answers.push({ status, headers, body: rest.slice(0, length) });
    rest = rest.slice(length);
  }
}
