import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { testViolations } from './test-rules.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));
const files = new Map(
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.includes('node_modules') && !path.includes(`clients${sep}npm`))
    .map((path) => [path.split(sep).join('/'), readFileSync(join(folder, path), 'utf8')]),
);

test('the tests keep the rules of tests', () => {
  expect(testViolations(files)).toEqual([]);
});

describe('a test is refused', () => {
  test.each([
    [
      'a unit test that opens a database',
      'unit/a.test.ts',
      "import { createDatabase } from '../services/database.ts';",
    ],
    ['a unit test that needs the build', 'unit/a.test.ts', "const script = new URL('../../dist/main.js', 'x');"],
    ['a cast over never', 'integration/a.test.ts', 'start({} as never);'],
    ['a cast over unknown', 'unit/a.test.ts', 'start({} as unknown as Pool);'],
    ['a sleep', 'replicas/a.test.ts', 'await new Promise((resume) => setTimeout(resume, 500));'],
  ])('that has %s', (_, path, text) => {
    expect(testViolations(new Map([[path, text]]))).toHaveLength(1);
  });

  test('that reaches a service by another file', () => {
    const helper = "import { noRedis } from '../services/provided.ts';";
    const through = new Map([
      ['unit/a.test.ts', "import { help } from './help.ts';"],
      ['unit/help.ts', helper],
    ]);
    expect(testViolations(through)).toHaveLength(2);
  });
});
