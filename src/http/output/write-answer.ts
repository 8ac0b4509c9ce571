/** Writes answers as JSON, with the parts in them that are JSON text already as they are. */

import { jsonTextMember } from '../../domain/input/json-text.ts';

const beginning = `{${JSON.stringify(jsonTextMember)}:"`;
const part = /\{"\\u0000json":("(?:[^"\\]|\\.)*")\}/g;

/** The JSON text of an answer. */
export function writeAnswer(answer: unknown): string {
  const text = JSON.stringify(answer);
  return text?.includes(beginning) ? text.replace(part, (_, quoted: string) => JSON.parse(quoted) as string) : text;
}
