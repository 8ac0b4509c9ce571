import { expect, expectTypeOf, test } from 'vitest';
import { columnsOf, type FilledRow, type Row } from '../../../src/store/rows.ts';
import type { runs, tasks } from '../../../src/store/schema.ts';

test('a row has the names and types that the driver gives: bigints as text, instants as Date', () => {
  expectTypeOf<Row<typeof runs, 'owner' | 'due_at' | 'task_uid' | 'attempt'>>().toEqualTypeOf<{
    owner: string | null;
    due_at: Date;
    task_uid: string;
    attempt: number;
  }>();
  expectTypeOf<FilledRow<typeof runs, 'finished_at'>>().toEqualTypeOf<{ finished_at: Date }>();
});

test('a column that the schema does not have is a compile error', () => {
  // @ts-expect-error: the database says due_at.
  expectTypeOf<Row<typeof runs, 'dueAt'>>();
  // @ts-expect-error: a run has no name.
  expect(columnsOf<typeof runs>('r', 'id', 'name')).toBe('r.id, r.name');
  expect(columnsOf<typeof tasks>('t', 'id', 'timeout_ms')).toBe('t.id, t.timeout_ms');
});
