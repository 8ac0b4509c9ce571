/**
 * Defects to seed into a copy of the built program: each takes one safeguard away, and says which task snapshot must
 * show it.
 */

import type { VerdictKind } from '../verdicts/verdict.ts';

/** A piece of text that must be there, and what stands in its place. `file` is relative to the program's folder. */
export type Replacement = { file: string; find: string; put: string };

export type Defect = {
  name: string;
  /** What is taken away, in words. */
  what: string;
  replacements: Replacement[];
  plan: string;
  /** At least one of these verdicts must come. */
  verdicts: VerdictKind[];
  /** It cannot be seen without libfaketime. */
  needsFakeTime?: true;
};

export const defects: Defect[] = [
  {
    name: 'no-primary-key',
    what: 'the primary key of runs: nothing fences a second run of an occurrence when the lock is given to everybody',
    replacements: [
      {
        file: 'migrations/0000_schema.sql',
        find: '  id uuid PRIMARY KEY,\n  task_uid bigint NOT NULL,\n  trigger',
        put: '  id uuid NOT NULL,\n  task_uid bigint NOT NULL,\n  trigger',
      },
    ],
    plan: 'lock-grants-all-freezes',
    verdicts: ['double run'],
  },
  {
    name: 'no-fence',
    what: 'owner, attempt and status from the guard of what is written about an attempt',
    replacements: [
      {
        file: 'dist/store/runs/completing/outcome-writes.js',
        find: `case when r.owner = $1 and r.attempt = s.attempt and r.status = 'running' then true end`,
        put: '$1::uuid is not null and s.attempt is not null',
      },
    ],
    plan: 'cut-from-postgres',
    // The table of allowed steps in the database stands behind the fence: what it refuses can never be written.
    verdicts: ['zombie write', 'stuck'],
  },
  {
    name: 'watermark-apart',
    what: 'the one transaction of the watermark and what it stands for',
    replacements: [
      {
        file: 'dist/store/runs/recovery/sweep.js',
        find: 'return inTransaction(database, async (db) => {',
        put: 'return (async (work) => work(database.pool))(async (db) => {',
      },
      {
        file: 'dist/store/runs/recovery/sweep.js',
        find: 'const work = await find(db, watermark);',
        put: `const work = await find(db, watermark);\n        await db.query('update cluster set watermark = $1, swept_by = $2', [new Date(horizon).toISOString(), sweeper]);`,
      },
    ],
    plan: 'kill-all-commit-never',
    verdicts: ['missing'],
  },
  {
    name: 'local-clock',
    what: "the database's time: what is due goes by the replica's own clock",
    replacements: [
      {
        file: 'dist/engine/cluster/database-time.js',
        find: 'now: () => Math.floor(current()),',
        put: 'now: () => Math.floor(clock.now()),',
      },
    ],
    plan: 'clock-wrong',
    verdicts: ['early', 'wrong miss', 'phantom', 'late', 'missing'],
    needsFakeTime: true,
  },
  {
    name: 'stale-generation',
    what: 'the check at the claim that the task still is of the schedule version that was due, and active',
    replacements: [
      {
        file: 'dist/store/runs/claiming/claims.js',
        find: "join tasks t on t.uid = d.uid and t.schedule_version = d.schedule_version and t.status <> 'stopped' and",
        put: 'join tasks t on t.uid = d.uid and d.schedule_version is not null and',
      },
    ],
    plan: 'churn-without-redis',
    verdicts: ['called after stop', 'phantom'],
  },
  {
    name: 'no-sweep',
    what: 'the sweep',
    replacements: [
      {
        file: 'dist/engine/engine.js',
        find: "loop('sweep', async () => (loaded ? sweep() : 500));",
        put: "loop('sweep', async () => (loaded && sweep ? 500 : 500));",
      },
    ],
    plan: 'kill-all',
    // A replica that starts fires from the watermark on. Without sweeps it stands still, so tasks are fired for instants
    // before their last change.
    verdicts: ['missing', 'phantom', 'wrong miss'],
  },
  {
    name: 'takeover-from-the-living',
    what: 'the look at the lease before a run is taken over',
    replacements: [
      {
        file: 'dist/store/runs/recovery/stuck-runs.js',
        find: 'and not exists (select from replicas p where p.id = r.owner and',
        put: 'and not exists (select from replicas p where false and p.id = r.owner and',
      },
    ],
    plan: 'healthy',
    verdicts: ['taken from the living'],
  },
  {
    name: 'no-takeover',
    what: 'taking over the runs of the dead',
    replacements: [
      {
        file: 'dist/engine/engine.js',
        find: "loop('takeover', createTakeoverStep(recovery));",
        put: "loop('takeover', async () => 60_000);\n        void createTakeoverStep;",
      },
    ],
    plan: 'kill-one',
    verdicts: ['stuck'],
  },
  {
    name: 'stop-does-not-wait',
    what: 'the wait of a stop for claims that are under way',
    replacements: [
      {
        file: 'dist/store/tasks/barrier.js',
        find: 'older.length === 0',
        put: 'older.length >= 0',
      },
    ],
    plan: 'stop-storm',
    verdicts: ['called after stop', 'phantom'],
  },
  {
    name: 'same-attempt-again',
    what: 'the new number of the next attempt',
    replacements: [
      {
        file: 'dist/store/runs/transitions.js',
        find: "attempt: 'r.attempt + 1',",
        put: "attempt: 'greatest(r.attempt, 1)',",
      },
    ],
    plan: 'healthy',
    verdicts: ['double attempt', 'attempt hole'],
  },
  {
    name: 'lane-not-unique',
    what: 'the unique index that holds overlap',
    replacements: [
      {
        file: 'migrations/0000_schema.sql',
        find: 'CREATE UNIQUE INDEX runs_overlap_slot',
        put: 'CREATE INDEX runs_overlap_slot',
      },
    ],
    plan: 'healthy',
    verdicts: ['overlap'],
  },
  {
    name: 'early-by-300-ms',
    what: 'the wait for the instant: occurrences are taken 300 ms before',
    replacements: [
      {
        file: 'dist/engine/firing/due-queue.js',
        find: 'timetable.takeDue(now, limit, bound,',
        put: 'timetable.takeDue(now + 300, limit, bound,',
      },
    ],
    plan: 'healthy',
    verdicts: ['early'],
  },
  {
    name: 'answer-before-commit',
    what: 'the wait for COMMIT before a create is answered',
    replacements: [
      {
        file: 'dist/store/postgres/database.js',
        find: "await client.query('commit');",
        put: "client.query('commit').catch(() => { });",
      },
    ],
    plan: 'commit-never',
    verdicts: ['lost acknowledgement'],
  },
  {
    name: 'unknown-claims-forgotten',
    what: 'the second look at a claim whose answer was lost, and the search for stuck runs behind it',
    replacements: [
      {
        file: 'dist/engine/firing/scheduler.js',
        find: 'backlog.add({ ...waiting, unconfirmed: true })',
        put: 'backlog.add({ ...waiting, unconfirmed: false })',
      },
      {
        file: 'dist/engine/engine.js',
        find: "loop('stuck-runs', createStuckRunStep(recovery));",
        put: "loop('stuck-runs', async () => 60_000);\n        void createStuckRunStep;",
      },
    ],
    plan: 'commit-answer-cut',
    verdicts: ['stuck'],
  },
  {
    name: 'silent-misses',
    what: 'the record of what was missed',
    replacements: [
      {
        file: 'dist/store/runs/recovery/sweep.js',
        find: 'await recordMisses(db, work.misses, now);',
        put: 'void recordMisses;',
      },
    ],
    plan: 'kill-all',
    // A replica that starts fires from the watermark on. Without sweeps it stands still, so tasks are fired for instants
    // before their last change.
    verdicts: ['missing', 'phantom', 'wrong miss'],
  },
  {
    name: 'change-forgets',
    what: 'what a change does about occurrences that were due and have no run',
    replacements: [
      {
        file: 'dist/domain/task/cut.js',
        find: 'return { inTime, caughtUp, miss: yield* missedIn(timing, within, [...inTime, ...caughtUp]) };',
        put: 'return { inTime: [], caughtUp: [], miss: null };',
      },
    ],
    plan: 'churn-saturated',
    verdicts: ['lost at a change'],
  },
  {
    name: 'skip-fires-once',
    what: 'the misfire policy `skip`',
    replacements: [
      { file: 'dist/domain/schedule/misfire.js', find: "policy === 'skip' ? 0 :", put: "policy === 'skip' ? 1 :" },
    ],
    plan: 'kill-all',
    verdicts: ['policy'],
  },
  {
    name: 'counted-twice',
    what: 'the count of attempts: every one is counted twice',
    replacements: [{ file: 'dist/observability/run-series.js', find: 'counter.inc();', put: 'counter.inc(2);' }],
    plan: 'healthy',
    verdicts: ['wrong metrics'],
  },
];
