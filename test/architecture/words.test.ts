/** Holds the source to the words of docs/architecture.md. */

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { oldWordsIn } from './words.ts';

const src = new URL('../../src/', import.meta.url);

test('no word that the glossary has replaced comes back', () => {
  const paths = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  expect(paths.length).toBeGreaterThan(200);
  const found = paths.flatMap((path) =>
    oldWordsIn(readFileSync(new URL(path, src), 'utf8')).map(({ line, word }) => `${path}:${line}: ${word}`),
  );
  expect(found).toEqual([]);
});

test('old words are found in comments, strings and parts of names, and in no others', () => {
  const text = [
    '/** Runs that were staged. */',
    'const settledRuns = "lane_count";',
    'type HTTPGate = { relate: string };',
    'await Promise.allSettled([]);',
  ].join('\n');
  expect(oldWordsIn(text)).toEqual([
    { line: 1, word: 'staged' },
    { line: 2, word: 'settled' },
    { line: 2, word: 'lane' },
    { line: 3, word: 'gate' },
  ]);
});
