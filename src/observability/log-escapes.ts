/** Escapes log lines, so that a text from a request cannot look like a separate line or control a terminal. */

/**
 * Characters that JSON does not escape and that mislead readers: controls, other line ends, changes of the direction of
 * writing, invisible ones.
 */
const invisible = /[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
/** An escape of JSON. */
const jsonEscape = /\\(?:u([0-9a-f]{4})|([\s\S]))/gi;
/** How a further line of a stack begins. */
const stackFrame = '    at ';

/**
 * A finished JSON line with such characters escaped. It means the same to every reader that splits texts into lines.
 */
export function escapeInvisible(line: string): string {
  return line.replace(invisible, unicodeEscape);
}

/**
 * A finished JSON line for people: control characters are shown in their escaped form.
 * Line ends stay within stacks alone, where the next line is indented.
 */
export function showControls(line: string): string {
  return line.replace(jsonEscape, (written, code: string | undefined, letter: string | undefined, at: number) => {
    if (code !== undefined) return isShown(Number.parseInt(code, 16)) ? written : `\\${written}`;
    if (letter === 'n' && line.startsWith(stackFrame, at + written.length)) return written;
    return 'bfnrt'.includes(letter ?? '') ? `\\${written}` : written;
  });
}

function isShown(code: number): boolean {
  const character = String.fromCharCode(code);
  return code >= 0x20 && character.replace(invisible, '') !== '';
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
