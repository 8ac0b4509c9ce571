import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Effect,
  nextStatus,
  type StateFault,
  type TaskStatus,
  taskStatuses,
  taskSteps,
} from '../../../../src/domain/task/states.ts';

const nothing: Effect = { timing: false, limit: false, spent: false, left: true };

/** Every status × what is asked × what the change does: the status after it, or the fault. */
const table: [before: TaskStatus, asked: TaskStatus | null, effect: Partial<Effect>, after: TaskStatus | StateFault][] =
  [
    ['active', null, {}, 'active'],
    ['active', null, { left: false }, 'active'],
    ['active', null, { timing: true }, 'active'],
    ['active', null, { timing: true, left: false }, 'meaningless'],
    ['active', null, { limit: true }, 'active'],
    ['active', null, { limit: true, spent: true, left: false }, 'completed'],
    ['active', null, { spent: true, left: false }, 'active'],
    ['active', 'active', {}, 'active'],
    ['active', 'stopped', {}, 'stopped'],
    ['active', 'stopped', { left: false, spent: true, limit: true }, 'stopped'],
    ['active', 'completed', {}, 'illegal_transition'],
    ['stopped', null, { timing: true, limit: true, spent: true, left: false }, 'stopped'],
    ['stopped', 'stopped', { left: false }, 'stopped'],
    ['stopped', 'active', {}, 'active'],
    ['stopped', 'active', { left: false }, 'nothing_left'],
    ['stopped', 'completed', {}, 'illegal_transition'],
    ['completed', null, { left: false }, 'completed'],
    ['completed', null, { left: true }, 'completed'],
    ['completed', null, { timing: true }, 'active'],
    ['completed', null, { timing: true, left: false }, 'nothing_left'],
    ['completed', null, { limit: true }, 'active'],
    ['completed', null, { limit: true, left: false }, 'completed'],
    ['completed', 'completed', { left: false }, 'completed'],
    ['completed', 'active', { timing: true }, 'active'],
    ['completed', 'active', { left: false }, 'nothing_left'],
    ['completed', 'stopped', {}, 'illegal_transition'],
    ['completed', 'stopped', { timing: true }, 'illegal_transition'],
  ];

describe('the status after a change', () => {
  test.each(table)('%s, asked for %s, %o: %s', (before, asked, effect, after) => {
    const next = nextStatus(before, asked, { ...nothing, ...effect });
    expect(next.ok ? next.status : next.fault).toBe(after);
  });

  test('is one that the database lets it become, whatever happens', () => {
    const effect = fc.record({ timing: fc.boolean(), limit: fc.boolean(), spent: fc.boolean(), left: fc.boolean() });
    fc.assert(
      fc.property(
        fc.constantFrom(...taskStatuses),
        fc.constantFrom(null, ...taskStatuses),
        effect,
        (before, asked, given) => {
          const next = nextStatus(before, asked, given);
          if (next.ok && next.status !== before) expect(taskSteps[before]).toContain(next.status);
        },
      ),
    );
  });
});
