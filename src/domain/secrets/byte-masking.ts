/** Hides the values of secrets in bytes. The bytes keep their number, so that offsets in a log stay what they are. */

import { mask } from '../task/credentials.ts';
import { formsOf, hide, overlapOf } from './masking.ts';

/**
 * Hides each value, also in the encodings in which programs repeat it. `held` is how many bytes at the end may be the
 * beginning of a value: they are not hidden. `pace` is awaited now and then, so that other work gets its turn.
 */
export type ByteMasker = (bytes: Buffer, pace: () => Promise<void>) => Promise<{ bytes: Buffer; held: number }>;

/** In bytes: searching through so many takes a few milliseconds. */
const searchedAtOnce = 4 * 1024 * 1024;

/** A character of the mask, as one character for each of its bytes. */
const sign = Buffer.from(mask.charAt(0)).toString('latin1');
const filler = '*';

/** A masker of these values; null where none of them is long enough. */
export function createByteMasker(values: Iterable<string>): ByteMasker | null {
  const forms = new Set<string>();
  for (const value of values) for (const form of formsOf(value)) forms.add(Buffer.from(form).toString('latin1'));
  if (forms.size === 0) return null;
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  return async (bytes, pace) => {
    let text = bytes.toString('latin1');
    let held = 0;
    let searched = 0;
    for (const form of longestFirst) {
      text = hide(text, form, maskOf(form.length));
      searched += text.length;
      if (searched > searchedAtOnce) {
        searched = 0;
        await pace();
      }
    }
    for (const form of longestFirst) if (form.length - 1 > held) held = Math.max(held, overlapOf(text, form));
    return { bytes: Buffer.from(text, 'latin1'), held };
  };
}

/** Whether sent bytes may be those that are stored: any byte may stand where the mask does. */
export function mayBeSame(stored: Buffer, sent: Buffer): boolean {
  if (stored.equals(sent)) return true;
  const hidden = new Set(Buffer.from(sign + filler, 'latin1'));
  return stored.every((byte, place) => byte === sent[place] || hidden.has(byte));
}

/** A mask of so many bytes. */
function maskOf(length: number): string {
  return sign.repeat(Math.floor(length / sign.length)) + filler.repeat(length % sign.length);
}
