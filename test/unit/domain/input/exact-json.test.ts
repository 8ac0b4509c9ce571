import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ExactNumber,
  holdsExactNumber,
  mayHoldExactNumbers,
  parseExactJson,
  readExactJson,
  writeExactJson,
} from '../../../../src/domain/input/exact-json.ts';
import { cases } from '../../cases.ts';

function readOf(text: string): unknown {
  const read = parseExactJson(text, 100);
  if (!read.ok) throw new Error(`${read.errors.detail} at ${read.errors.at}`);
  return read.value;
}
const faultOf = (text: string) => {
  const read = parseExactJson(text, 100);
  return read.ok ? null : read.errors;
};

describe('what is read', () => {
  test('is what the parser of JavaScript reads, where that loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(JSON.parse(JSON.stringify(readOf(text)))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('is refused where that refuses it', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '1',
      '-',
      '.5',
      'e',
      '01',
      'null',
      'tru',
      '\\',
      '\n',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        let accepted = true;
        try {
          JSON.parse(text);
        } catch {
          accepted = false;
        }
        expect(parseExactJson(text, 100).ok, text).toBe(accepted);
      }),
      cases(1_000),
    );
  });

  test.each([
    ['12345678901234567890', true],
    ['-9007199254740993', true],
    ['9007199254740992', false],
    ['0.1', false],
    ['0.10', true],
    ['0.10000000000000000555', true],
    ['1e400', true],
    ['1e-400', true],
    ['1E2', true],
    ['-0', true],
    ['1.0', true],
    ['-12.5', false],
    ['123456789012345678.5e-1', true],
  ])('%s is exact only if it has to be', (text, exact) => {
    const value = readOf(`[${text}]`) as unknown[];
    expect(value[0] instanceof ExactNumber).toBe(exact);
    expect(holdsExactNumber(value)).toBe(exact);
    expect(mayHoldExactNumbers(text) || !exact).toBe(true);
    expect(writeExactJson(value)).toBe(`[${text}]`);
    expect(JSON.stringify(value)).toBe(JSON.stringify([Number(text)]));
  });

  test('has exact numbers within the members that are kept as written, and nowhere else', () => {
    const text = '{"multiplier":2.0,"body":1.0,"a":[1.0,{"body":[1.0,{"x":1.0}],"y":1.0}],"z":1.0}';
    const steps = readExactJson(text, 100, ['body']);
    let step = steps.next();
    while (!step.done) step = steps.next();
    const read = step.value;
    expect(read.ok && writeExactJson(read.value)).toBe(
      '{"multiplier":2,"body":1.0,"a":[1,{"body":[1.0,{"x":1.0}],"y":1}],"z":1}',
    );
  });

  test('has members named like those of Object, which change nothing', () => {
    const text = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"toString":3}';
    const value = readOf(text) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(writeExactJson(value)).toBe(text);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('a fault', () => {
  test.each([
    ['', 0, 'unexpected end'],
    ['{"a":1,}', 7, 'unexpected "}"'],
    ['[1 2]', 3, 'unexpected "2"'],
    ['{"a" 1}', 5, 'unexpected "1"'],
    ['{a:1}', 1, 'unexpected "a"'],
    ['"a\nb"', 2, 'unexpected "\\n"'],
    ['"a', 2, 'unexpected end'],
    ['"\\x"', 2, 'unexpected "x"'],
    ['[01]', 2, 'unexpected "1"'],
    ['nul', 0, 'unexpected "n"'],
    ['[1]]', 3, 'unexpected "]"'],
    ['😀', 0, 'unexpected "😀"'],
    ['['.repeat(101), 100, 'nested deeper than 100 levels'],
  ])('in %j is told with its place', (text, at, detail) => {
    expect(faultOf(text)).toEqual({ at, detail });
  });

  test('of depth alone stands where one level is too many', () => {
    const nested = (levels: number) => `${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`;
    expect(faultOf(nested(100))).toBeNull();
    expect(faultOf(nested(102))?.detail).toBe('nested deeper than 100 levels');
  });
});
