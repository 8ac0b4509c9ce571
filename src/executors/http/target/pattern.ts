/** Patterns in the syntax of RE2: their faults, and the work of looking for one. */

import { RE2JS } from 're2js';

/** A compiled pattern. Looking for it takes time in proportion to the text's length and to `size`, for every text. */
export type Pattern = { size: number; isIn(text: string): boolean };

export const longestPattern = 256;
/** In steps of the compiled pattern: compiling as many takes ten milliseconds. */
const largestPattern = 1_000;

/** Reads a pattern, or names its fault in one phrase. */
export function compilePattern(text: string): Pattern | string {
  if (text === '') return 'must not be empty';
  if (text.length > longestPattern) return `must be at most ${longestPattern} characters long`;
  // Before it is compiled: `(…{1000}){1000}` takes seconds and hundreds of megabytes.
  if (sizeOf(text) > largestPattern) return `is too large: its repetitions stand for more than ${largestPattern} steps`;
  try {
    const compiled = RE2JS.compile(text);
    return { size: compiled.programSize(), isIn: (searched) => compiled.test(searched) };
  } catch (error) {
    const detail = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : 'unknown fault';
    return `is no pattern of RE2: ${detail}`;
  }
}

/**
 * About how many steps a pattern has when its counted repetitions are written out. A text that is not a pattern gets
 * some number too.
 */
function sizeOf(pattern: string): number {
  const token = /\\Q.*?(?:\\E|$)|\\[pP]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|\[:\w*:\]|[^\]\\])*\]|\{(\d+)(,(\d*))?\}|[()]|./gsu;
  /** The sizes of each open group, and of its last item, which a repetition repeats. */
  const open = [{ size: 0, last: 0 }];
  for (const [text, least, comma, most] of pattern.matchAll(token)) {
    const group = open.at(-1) as { size: number; last: number };
    if (text === '(') open.push({ size: 0, last: 0 });
    else if (text === ')' && open.length > 1) {
      open.pop();
      add(open.at(-1) as { size: number; last: number }, group.size + 2);
    } else if (least !== undefined) {
      const times = Math.max(1, Number(comma === undefined || most === '' ? least : most));
      group.size += group.last * (times - 1);
      group.last *= times;
    } else add(group, text.startsWith('\\Q') ? text.length : 1);
  }
  return open.reduce((sum, { size }) => sum + size, 0);
}

function add(group: { size: number; last: number }, size: number): void {
  group.size += size;
  group.last = size;
}
