import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { warningCodes } from '../../../../src/domain/input/warning.ts';

test('docs/schedules.md lists every warning, and no other', () => {
  const page = readFileSync(new URL('../../../../docs/schedules.md', import.meta.url), 'utf8');
  const listed = [...page.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, code, means]) => [code, means]);
  expect(listed).toEqual(Object.entries(warningCodes));
});
