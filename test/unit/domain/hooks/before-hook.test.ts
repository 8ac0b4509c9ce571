import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BeforeAnswer, judgeBefore } from '../../../../src/domain/hooks/before-hook.ts';

const answered = (httpStatus: number, output = ''): BeforeAnswer =>
  httpStatus >= 200 && httpStatus < 300
    ? { status: 'succeeded', httpStatus, output, error: null }
    : { status: 'failed', httpStatus, output, error: { message: `the target answered ${httpStatus}` } };
const silent: BeforeAnswer = {
  status: 'timed_out',
  httpStatus: null,
  output: null,
  error: { message: 'no answer within 10s' },
};

describe('the answer of a before hook', () => {
  test('of any 2xx lets the run go on, whatever onError says', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 299 }), fc.constantFrom('run', 'skip'), (code, onError) => {
        expect(judgeBefore(answered(code, 'whatever'), onError)).toEqual({ outcome: 'passed', skipReason: null });
      }),
    );
  });

  test.each([409, 412])('of %i skips the run with its text as the reason, whatever onError says', (code) => {
    for (const onError of ['run', 'skip'] as const) {
      expect(judgeBefore(answered(code, 'closed today\n'), onError)).toEqual({
        outcome: 'skipped',
        skipReason: `before hook answered ${code}: closed today`,
      });
      expect(judgeBefore(answered(code), onError).skipReason).toBe(`before hook answered ${code}`);
    }
  });

  test('that is anything else, or none, is for onError to decide', () => {
    const others = fc.integer({ min: 100, max: 999 }).filter((code) => !(code >= 200 && code < 300));
    fc.assert(
      fc.property(
        fc.oneof(
          others.filter((code) => code !== 409 && code !== 412).map((code) => answered(code)),
          fc.constant(silent),
        ),
        (answer) => {
          expect(judgeBefore(answer, 'run')).toEqual({ outcome: 'failed', skipReason: null });
          expect(judgeBefore(answer, 'skip')).toEqual({
            outcome: 'failed',
            skipReason: `before hook failed: ${answer.error?.message}`,
          });
        },
      ),
    );
  });

  test('counts as none where a 2xx never came to its end, but a no is a no', () => {
    const cut = { status: 'timed_out', output: 'clos', error: { message: 'the answer was not complete within 1s' } };
    expect(judgeBefore({ ...cut, httpStatus: 200 }, 'skip').outcome).toBe('failed');
    expect(judgeBefore({ ...cut, httpStatus: 412 }, 'run').skipReason).toBe('before hook answered 412: clos');
  });

  test('becomes one line of at most 200 characters, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (output) => {
        const reason = judgeBefore(answered(412, output), 'run').skipReason ?? '';
        const text = reason.replace(/^before hook answered 412(: )?/, '');
        expect(Array.from(text).length).toBeLessThanOrEqual(200);
        expect(reason).not.toMatch(/[\n\r\t\p{Cc}\p{Zl}\p{Zp}]/u);
        expect(reason).toBe(reason.trimEnd());
        expect(reason).not.toMatch(/\p{Cs}/u);
      }),
    );
    expect(judgeBefore(answered(412, '🙂'.repeat(300)), 'run').skipReason).toBe(
      `before hook answered 412: ${'🙂'.repeat(200)}`,
    );
  });
});
