import { expect, test } from 'vitest';
import { readTraceparent, traceOfRun } from '../../../../src/domain/run/trace.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';

test('a traceparent tells its trace and flags, also one of a later version', () => {
  expect(readTraceparent(`00-${traceId}-${parent}-00`)).toEqual({ traceId, flags: '00' });
  expect(readTraceparent(`01-${traceId}-${parent}-01-more`)).toEqual({ traceId, flags: '01' });
});

test.each([
  undefined,
  [`00-${traceId}-${parent}-01`, `00-${traceId}-${parent}-01`],
  '',
  `00-${traceId}-${parent}`,
  `00-${traceId}-${parent}-01-more`,
  `ff-${traceId}-${parent}-01`,
  `00-${traceId.toUpperCase()}-${parent}-01`,
  `00-${'0'.repeat(32)}-${parent}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
])('%s is none', (header) => {
  expect(readTraceparent(header)).toBeNull();
});

test('a run has the trace of the request that asked for it, else its own', () => {
  const runId = '01939000-0000-8000-8000-000000000007';
  expect(traceOfRun(runId, null)).toEqual({ traceId: runId.replaceAll('-', ''), flags: '01' });
  expect(traceOfRun(runId, { traceId, flags: '00' })).toEqual({ traceId, flags: '00' });
});
