/** Holds the reading list of CONTRIBUTING.md to what it promises. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const textOf = (path: string) => readFileSync(new URL(path, root), 'utf8');

/** The files of the list, in its order. */
function readingList(): string[] {
  const [, section = ''] = textOf('CONTRIBUTING.md').split('## Read these first');
  const [list = ''] = section.split('\n## ');
  return [...list.matchAll(/^\d+\. `(src\/[^`]+)`/gm)].map(([, path]) => path as string);
}

test('the main path is at most twelve files and 1,500 lines', () => {
  const files = readingList();
  expect(files.length).toBeGreaterThan(8);
  expect(files.length).toBeLessThanOrEqual(12);
  const lines = files.map((path) => textOf(path).trimEnd().split('\n').length);
  expect(lines.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(1_500);
});

test('every file that the architecture pages name exists', () => {
  const pages = [
    'architecture',
    ...['claiming', 'completing', 'recovery', 'time', 'limits'].map((page) => `architecture/${page}`),
  ];
  const named = pages.flatMap((page) => [...textOf(`docs/${page}.md`).matchAll(/`((?:[a-z-]+\/)+[a-z-]+\.ts)`/g)]);
  expect(named.length).toBeGreaterThan(30);
  const missing = named.map(([, path]) => path as string).filter((path) => !isThere(`src/${path}`));
  expect(missing).toEqual([]);
});

function isThere(path: string): boolean {
  try {
    return textOf(path) !== '';
  } catch {
    return false;
  }
}
