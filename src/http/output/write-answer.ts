/** Writes answers as JSON, with the parts in them that are JSON text already as they are. */

/** The name of the one member of such a part. No client can send it: a NUL is refused in names as in any text. */
const mark = '\0json';
const beginning = `{${JSON.stringify(mark)}:"`;
const part = /\{"\\u0000json":("(?:[^"\\]|\\.)*")\}/g;

/** Stands in an answer for a value of which the JSON text is known. It lives through JSON.stringify and JSON.parse. */
export function alreadyJson(text: string): unknown {
  return { [mark]: text };
}

/** The JSON text of an answer. */
export function writeAnswer(answer: unknown): string {
  const text = JSON.stringify(answer);
  return text?.includes(beginning) ? text.replace(part, (_, quoted: string) => JSON.parse(quoted) as string) : text;
}
