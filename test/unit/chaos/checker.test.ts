import { describe, expect, test } from 'vitest';
import { check } from '../../chaos/checker.ts';
import { addRun, addWrite, callOf, forgetRun, healthy, runAt, start, task, uid } from '../../chaos/hand-made.ts';
import type { History } from '../../chaos/history.ts';
import { longPace, shortPace } from '../../chaos/plan.ts';
import { namedPlan, randomPlan, sketches } from '../../chaos/plans.ts';

/** The kinds of verdict that a healthy history gets once it is spoilt. */
function kindsAfter(spoil: (history: History) => void): string[] {
  const history = healthy();
  spoil(history);
  return [...new Set(check(history).map(({ kind }) => kind))];
}

const second = (count: number) => start + count * 1_000;
const miss = (from: number, to: number, count: number, at = second(to) + 5_000) => ({
  uid,
  at,
  from: second(from),
  to: second(to),
  count,
  exact: true,
  cut: false,
});

describe('the checker', () => {
  test('finds nothing wrong with a healthy history', () => {
    expect(check(healthy())).toEqual([]);
  });

  describe('finds', () => {
    test('an occurrence that has neither a run nor a recorded miss', () => {
      expect(kindsAfter((history) => forgetRun(history, 15))).toEqual(['missing']);
    });
    test('an occurrence that was lost because its task was changed just after it', () => {
      // The stop comes at 40.49 s.
      expect(kindsAfter((history) => forgetRun(history, 40))).toEqual(['lost at a change']);
    });
    test('nothing lost where the change has recorded it, though it was not late', () => {
      const recorded = (cut: boolean) =>
        kindsAfter((history) => {
          forgetRun(history, 40);
          history.final.misses.push({ ...miss(40, 40, 1, second(40) + 495), cut });
        });
      expect(recorded(true)).toEqual([]);
      expect(recorded(false)).toEqual(['wrong miss']);
    });
    test('nothing missing where the miss is recorded', () => {
      expect(
        kindsAfter((history) => {
          forgetRun(history, 15);
          forgetRun(history, 16);
          history.final.misses.push(miss(15, 16, 2));
        }),
      ).toEqual([]);
    });
    test('a miss that is counted wrong', () => {
      expect(
        kindsAfter((history) => {
          forgetRun(history, 15);
          history.final.misses.push(miss(15, 15, 2));
        }),
      ).toEqual(['wrong miss']);
    });
    test('a miss that was recorded before the grace was over', () => {
      expect(
        kindsAfter((history) => {
          forgetRun(history, 15);
          history.final.misses.push(miss(15, 15, 1, second(16)));
        }),
      ).toEqual(['wrong miss']);
    });
    test('an occurrence made up for against the policy', () => {
      expect(
        kindsAfter((history) => {
          history.tasks = [{ ...task, misfire: { ...task.misfire, policy: 'skip' } }];
          runAt(history, 15).trigger = 'catch_up';
          for (const call of history.calls) if (call.runId === 'run-15') call.trigger = 'catch_up';
        }),
      ).toEqual(['policy']);
    });
    test('two runs of one occurrence', () => {
      const kinds = kindsAfter((history) => addRun(history, 15.2, { id: 'other', scheduledFor: second(15) }));
      expect(kinds).toContain('double run');
    });
    test('two calls for one attempt', () => {
      expect(kindsAfter((history) => history.calls.push(callOf(runAt(history, 15), second(15) + 300)))).toEqual([
        'double attempt',
      ]);
    });
    test('a run for an instant at which nothing was due', () => {
      expect(kindsAfter((history) => addRun(history, 15.5))).toEqual(['phantom']);
    });
    test('a run for an instant after the stop', () => {
      expect(kindsAfter((history) => addRun(history, 41))).toEqual(['phantom']);
    });
    test('a call for a run that does not exist', () => {
      expect(
        kindsAfter((history) =>
          history.calls.push({ ...callOf(runAt(history, 15), second(15)), runId: 'nobody', key: 'nobody' }),
        ),
      ).toContain('phantom');
    });
    test('a call before its instant, by the clock of the database', () => {
      const early = (history: History) => {
        const call = history.calls.find(({ runId }) => runId === 'run-15');
        if (call) Object.assign(call, { at: second(15) - 200 });
      };
      expect(kindsAfter(early)).toEqual(['early']);
      // 300 ms ahead of ours, its clock says that it was time; and everything is later by that.
      expect(
        kindsAfter((history) => {
          early(history);
          history.offsets = [{ at: start, least: 299, most: 301 }];
        }),
      ).toEqual([]);
    });
    test('a call that is too late in calm times, and not in a fault', () => {
      const late = (at: number) => (history: History) => {
        const call = history.calls.find(({ runId }) => runId === `run-${at}`);
        if (call) Object.assign(call, { at: second(at) + 12_000, answeredAt: null });
      };
      expect(kindsAfter(late(2))).toEqual(['late']);
      expect(kindsAfter(late(15))).toEqual([]);
    });
    test('a run that stays running without a lease for more than 15 s', () => {
      const orphans = (length: number) => (history: History) => {
        for (let at = 0; at <= length; at++) history.orphans.push({ at: second(10 + at), alive: 2, runs: ['run-10'] });
      };
      expect(kindsAfter(orphans(14))).toEqual([]);
      expect(kindsAfter(orphans(17))).toEqual(['stuck']);
    });
    test('a run that is not over at the end', () => {
      expect(kindsAfter((history) => Object.assign(runAt(history, 39), { status: 'retrying' }))).toEqual(['stuck']);
    });
    test('a terminal status that changes', () => {
      expect(
        kindsAfter((history) =>
          addWrite(history, { runId: 'run-15', at: second(25), before: 'lost', after: 'succeeded' }),
        ),
      ).toEqual(['zombie write']);
    });
    test('a task, a deletion and a run that were acknowledged and are not there', () => {
      const request = {
        taskId: 'gone',
        incarnation: 'gone-1',
        status: 201,
        ok: true,
        replica: 0,
        sentAt: second(12),
        answeredAt: second(12),
      };
      expect(
        kindsAfter((history) => history.requests.push({ ...request, kind: 'create', schedule: { manual: true } })),
      ).toEqual(['lost acknowledgement']);
      expect(
        kindsAfter((history) =>
          history.requests.push({ ...request, incarnation: task.incarnation, kind: 'trigger', runId: 'gone' }),
        ),
      ).toEqual(['lost acknowledgement']);
      expect(
        kindsAfter((history) =>
          history.requests.push({
            ...request,
            incarnation: task.incarnation,
            kind: 'delete',
            sentAt: second(42),
            answeredAt: second(42),
          }),
        ),
      ).toEqual(['lost acknowledgement']);
    });
    test('a run that begins after the answer to a stop', () => {
      const stop = (history: History) => {
        const [, request] = history.requests;
        if (request)
          Object.assign(request, { cancel: 'pending', sentAt: second(35) + 10, answeredAt: second(35) + 20 });
        for (let at = 36; at <= 40; at++) forgetRun(history, at);
        const begun = history.audit.find(({ runId, after }) => runId === 'run-35' && after === 'running');
        return begun;
      };
      expect(kindsAfter((history) => void stop(history))).toEqual([]);
      expect(
        kindsAfter((history) => {
          const begun = stop(history);
          if (begun) begun.at = second(35) + 200;
        }),
      ).toEqual(['called after stop']);
    });
    test('two runs at once where the task forbids overlap', () => {
      expect(
        kindsAfter((history) => {
          for (const record of history.audit)
            if (record.runId === 'run-15' && record.before === 'running') record.seq += 2.5;
        }),
      ).toEqual(['overlap']);
    });
    test('holes in the numbers of attempts', () => {
      expect(
        kindsAfter((history) =>
          addWrite(history, {
            runId: 'run-15',
            at: second(16),
            before: 'retrying',
            after: 'running',
            beforeAttempt: 1,
            attempt: 3,
          }),
        ),
      ).toContain('attempt hole');
      expect(
        kindsAfter((history) =>
          Object.assign(runAt(history, 15), {
            attempt: 2,
            maxAttempts: 2,
            attempts: [{ attempt: 2, status: 'succeeded' }],
          }),
        ),
      ).toEqual(['attempt hole']);
    });
    test('a call by a replica whose lease is over', () => {
      expect(kindsAfter((history) => Object.assign(history.leases[0] ?? {}, { until: second(15) - 1_500 }))).toEqual([
        'called without lease',
      ]);
    });
    test('a run taken from a replica whose lease is not over', () => {
      expect(
        kindsAfter((history) => {
          const end = history.audit.find(({ runId, before }) => runId === 'run-15' && before === 'running');
          Object.assign(end ?? {}, { after: 'lost', error: 'lost' });
          Object.assign(runAt(history, 15), { status: 'lost' });
        }),
      ).toEqual(['taken from the living']);
    });
    test('metrics that differ from the rows, where all replicas lived through it', () => {
      const counted = (count: number) => (history: History) => {
        history.plan = { ...history.plan, replicas: 1 };
        history.processes = [
          { replica: 0, pid: 1, startedAt: start, readyAt: start, endedAt: null, end: null, rss: [] },
        ];
        const executions = [{ taskId: task.id, status: 'succeeded', count }];
        history.metrics = [{ replica: 0, executions, fenced: 0, takenOver: 0, repaired: 0, missed: 0 }];
      };
      expect(kindsAfter(counted(40))).toEqual([]);
      expect(kindsAfter(counted(41))).toEqual(['wrong metrics']);
      expect(kindsAfter(counted(39))).toEqual(['wrong metrics']);
    });
    test('a 500, and a 503 that does not say when to come back', () => {
      const request = {
        kind: 'read' as const,
        taskId: task.id,
        incarnation: task.incarnation,
        ok: null,
        replica: 0,
        sentAt: second(12),
        answeredAt: second(12),
      };
      expect(kindsAfter((history) => history.requests.push({ ...request, status: 500 }))).toEqual(['failed request']);
      expect(kindsAfter((history) => history.requests.push({ ...request, status: 503, retryAfter: false }))).toEqual([
        'failed request',
      ]);
      expect(kindsAfter((history) => history.requests.push({ ...request, status: 503, retryAfter: true }))).toEqual([]);
    });
    test('a run of the suite that proves nothing', () => {
      expect(kindsAfter((history) => Object.assign(history.final, { quiet: false }))).toEqual(['unsound run']);
      expect(kindsAfter((history) => Object.assign(history, { offsets: [] }))).toEqual(['unsound run']);
    });
  });

  describe('leaves open', () => {
    test('what may have been due while a change was not answered, and for ever where it never was', () => {
      const change = {
        kind: 'change' as const,
        taskId: task.id,
        incarnation: task.incarnation,
        status: null,
        ok: null,
        replica: 0,
        sentAt: second(30) - 10,
        answeredAt: second(31),
        schedule: { everyMs: 500, anchorMs: start },
      };
      expect(kindsAfter((history) => history.requests.splice(1, 0, change))).toEqual([]);
      const doubted = kindsAfter((history) => {
        history.requests.splice(1, 0, change);
        forgetRun(history, 33);
        addRun(history, 34.5);
      });
      expect(doubted).toEqual([]);
      expect(
        kindsAfter((history) => {
          history.requests.splice(1, 0, change);
          addRun(history, 27.5);
        }),
      ).toEqual(['phantom']);
    });
  });
});

describe('a plan', () => {
  test('comes back the same from its seed, random ones too', () => {
    for (const name of Object.keys(sketches))
      expect(namedPlan(name, 3, shortPace)).toEqual(namedPlan(name, 3, shortPace));
    expect(randomPlan(42, longPace)).toEqual(randomPlan(42, longPace));
    expect(randomPlan(42, longPace).faults).not.toEqual(randomPlan(43, longPace).faults);
  });
});
