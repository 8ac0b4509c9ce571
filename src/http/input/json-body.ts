/**
 * Reads JSON bodies: as UTF-8 and nothing else, with the line and column of a fault, and large ones without holding
 * others up.
 */

import { mayHoldExactNumbers, readExactJson } from '../../domain/input/exact-json.ts';
import type { Turns } from '../../turns.ts';
import { ProblemError } from '../problems.ts';

/** Deeper bodies are refused, because recursive code would fail on them. Meaningful bodies are less deep. */
const deepest = 100;
/** The members that are kept, sent or shown as they were written, to the last digit of their numbers. */
const keptAsWritten = ['body', 'input', 'output', 'progress'];
/** Up to here V8's own parser takes a few milliseconds at most. */
const largestAtOnce = 256 * 1024;
/** Counting as many lines takes a fraction of a millisecond. */
const linesPerTurn = 5_000;

/**
 * The value of a body; undefined for an empty one. Throws a 400. In members that are kept as they were written, numbers
 * may come as `ExactNumber`.
 */
export async function readJsonBody(bytes: Buffer, turns: Turns): Promise<unknown> {
  const text = decoded(bytes) ?? (await refuseText(bytes, turns));
  if (text.length <= largestAtOnce) {
    if (text.trim() === '') return undefined;
    if (!opensMoreThan(text, deepest) && !mayHoldExactNumbers(text)) {
      try {
        return JSON.parse(text);
      } catch {
        // Read again below, because V8 does not say where the fault is.
      }
    }
  }
  const steps = readExactJson(text, deepest, keptAsWritten);
  for (;;) {
    const step = steps.next();
    if (step.done) {
      if (step.value.ok) return step.value.value;
      const { at, detail } = step.value.errors;
      throw new ProblemError(
        'malformed',
        `the body is not JSON that can be read: ${detail} at ${await placeOf(text, at, turns)}`,
      );
    }
    await turns.take();
  }
}

/** Null for bytes that are not UTF-8. */
function decoded(bytes: Buffer): string | null {
  try {
    // A byte order mark is not part of the text.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

async function refuseText(bytes: Buffer, turns: Turns): Promise<never> {
  // Invalid bytes are replaced by decoding, so the first byte that changes is the invalid one.
  const written = Buffer.from(bytes.toString());
  let at = 0;
  while (at < bytes.length && written[at] === bytes[at]) at++;
  const text = bytes.toString('utf8', 0, at);
  throw new ProblemError('malformed', `the body is not UTF-8 at ${await placeOf(text, text.length, turns)}`);
}

/** Counted from 1; a column is a UTF-16 code unit, as in most editors. */
async function placeOf(text: string, at: number, turns: Turns): Promise<string> {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0 && end < at; end = text.indexOf('\n', start)) {
    if (++line % linesPerTurn === 0) await turns.take();
    start = end + 1;
  }
  return `line ${line}, column ${at - start + 1}`;
}

/** Whether a text opens more arrays and objects than that: only then it can be nested as deeply. */
function opensMoreThan(text: string, most: number): boolean {
  let opened = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code === 0x5b || code === 0x7b) && ++opened > most) return true;
  }
  return false;
}
