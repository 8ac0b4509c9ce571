import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { claimOccurrences } from '../../../../src/store/runs/claiming/claims.ts';
import { type PreClaim, preClaim } from '../../../../src/store/runs/claiming/pre-claims.ts';
import { claimsAreOver } from '../../../../src/store/tasks/barrier.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { updateTask } from '../../../../src/store/tasks/tasks.ts';
import { noPostgres } from '../../../services/provided.ts';
import { author, dueOf, makeTasks, openPool, openStore, readRun, redact, runsOf, type Store, t0 } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const applicationName = 'punctual claims that wait';
const owner = randomUUID();
const preClaimOf = (tasks: readonly Task[]): Promise<PreClaim> =>
  preClaim(
    openPool(store.url, 'claims that wait'),
    tasks.map((task) => dueOf(task, 1)),
    { owner, now: t0 + 1_000, trigger: 'schedule' },
  );

const cut = () =>
  store.db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = $1 and state = 'idle in transaction'`,
    [applicationName],
  );

// The embedded store has one session: a transaction that stays open would keep everybody waiting.
describe.skipIf(noPostgres)('a pre-claim', () => {
  test('is there for nobody before it is committed, and has what was not dropped from then on', async () => {
    const [kept, dropped] = (await makeTasks(store.db, ['kept', 'dropped'])) as [Task, Task];
    const { claims, commit } = await preClaimOf([kept, dropped]);
    expect(claims).toMatchObject([{ won: true }, { won: true }]);
    expect(await runsOf(store.db, kept.uid)).toEqual([]);
    await commit([dueOf(dropped, 1).runId]);
    expect(await readRun(store.db, dueOf(kept, 1).runId)).toMatchObject({ status: 'running', owner, attempt: 1 });
    expect(await runsOf(store.db, dropped.uid)).toEqual([]);
  });

  test('leaves nothing behind when it is rolled back, or when its connection is cut', async () => {
    const [task] = (await makeTasks(store.db, ['taken-back'])) as [Task];
    await (await preClaimOf([task])).rollback();
    const lost = await preClaimOf([task]);
    await cut();
    await expect(lost.commit([])).rejects.toThrow();
    const other = await preClaimOf([task]);
    await cut();
    await other.rollback();
    expect(await runsOf(store.db, task.uid)).toEqual([]);
  });

  test('of a replica that is frozen is ended by Postgres, so that another one can claim the same', async () => {
    const [task] = (await makeTasks(store.db, ['frozen'])) as [Task];
    const frozen = await preClaimOf([task]);
    const other = randomUUID();
    const claimer = { owner: other, now: t0 + 1_500, trigger: 'schedule' as const };
    // It waits for the end of the first, which nobody brings about.
    expect(await claimOccurrences(store.db, [dueOf(task, 1)], claimer, false)).toMatchObject([{ won: true }]);
    await expect(frozen.commit([])).rejects.toThrow();
    expect(await runsOf(store.db, task.uid)).toMatchObject([{ owner: other }]);
  });

  test('makes whoever stops one of its tasks wait for its end', async () => {
    const [task] = (await makeTasks(store.db, ['stopped-meanwhile'])) as [Task];
    const { commit } = await preClaimOf([task]);
    const change = {
      redact,
      type: 'stopped' as const,
      definition: { ...task.definition, status: 'stopped' as const },
      activeFrom: t0,
    };
    await updateTask(store.db, task, change, author, t0);
    let looks = 0;
    await claimsAreOver(store.database, async () => {
      if (++looks === 5) await commit([dueOf(task, 1).runId]);
    });
    expect(looks).toBeGreaterThanOrEqual(5);
    expect(await runsOf(store.db, task.uid)).toEqual([]);
  });
});
