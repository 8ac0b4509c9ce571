import { expect, test } from 'vitest';
import { createRunTokens } from '../../../../src/domain/run/token.ts';

const tokens = createRunTokens('a secret');

test('a token tells its attempt, of its run alone', () => {
  const token = tokens.tokenOf('run-1', 3);
  expect(tokens.attemptOf('run-1', token)).toBe(3);
  expect(tokens.attemptOf('run-2', token)).toBe(null);
  expect(createRunTokens('another').attemptOf('run-1', token)).toBe(null);
});

test('a token that was changed is none', () => {
  const token = tokens.tokenOf('run-1', 3);
  const flipped = token.endsWith('A') ? `${token.slice(0, -1)}B` : `${token.slice(0, -1)}A`;
  for (const other of ['', '3', `4${token.slice(1)}`, flipped, `${token}A`, ` ${token}`, token.slice(0, -1)])
    expect(tokens.attemptOf('run-1', other)).toBe(null);
});
