/** Finds words in the source that the glossary of docs/architecture.md has replaced. */

/** The old words with their forms. The glossary has one word for each thing; these were second ones, or riddles. */
const oldWords = [
  'settle|settles|settled|settling|settler|settlers|settlement|settlements',
  'stray|strays',
  'orphan|orphans|orphaned',
  'herd|herds',
  'stager|stagers|staged|staging',
  'lane|lanes',
  'gate|gates|gated',
  'parting|partings',
  'postpone|postponed|postpones',
  'journal|journals',
  'patience|patient',
  'housekeeping|housekeeper',
  'upkeep',
];
const oldWord = new RegExp(`^(?:${oldWords.join('|')})$`);

/** Names that others gave: JavaScript's own `Promise.allSettled`. */
const names = /\ballSettled\b/g;

/** An old word and its line, counted from 1. */
export type OldWord = { line: number; word: string };

/** The old words in a text: in its comments and strings, and as parts of its names. */
export function oldWordsIn(text: string): OldWord[] {
  return text.split('\n').flatMap((line, index) =>
    wordsOf(line.replace(names, ''))
      .filter((word) => oldWord.test(word))
      .map((word) => ({ line: index + 1, word })),
  );
}

/** The words of a line in lower case. A name is taken apart: `settledRuns` and `lane_count` are two words each. */
function wordsOf(line: string): string[] {
  const apart = line.replace(/([a-z\d])([A-Z])/g, '$1 $2').replace(/([A-Z])([A-Z][a-z])/g, '$1 $2');
  return [...apart.matchAll(/[A-Za-z]+/g)].map(([word]) => word.toLowerCase());
}
