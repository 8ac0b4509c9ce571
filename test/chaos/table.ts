/** Reports as a Markdown table: what `docs/reliability.md` shows. */

import type { Report, Spread } from './report.ts';

const columns = [
  'plan',
  'times',
  'kept',
  'runs',
  'calls',
  'double',
  'lost',
  'recorded misses',
  'late, calm: p99 ms',
  'late, disturbed: p99 / most ms',
  'takeover: most ms',
  'repaired by the sweep',
  'fenced writes',
];

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const greatest = (values: readonly number[]) => (values.length === 0 ? '–' : String(Math.max(...values)));
const given = (spreads: readonly Spread[]) => spreads.filter((spread) => spread !== null);

function rowOf(name: string, reports: readonly Report[]): string[] {
  const calm = given(reports.map(({ lateness }) => lateness.calm));
  const disturbed = given(reports.map(({ lateness }) => lateness.disturbed));
  const takeovers = given(reports.flatMap(({ takeover }) => [takeover.killed, takeover.fenced]));
  return [
    name,
    String(reports.length),
    String(reports.filter(({ verdicts }) => verdicts.length === 0).length),
    String(sum(reports.map(({ runs }) => runs))),
    String(sum(reports.map(({ calls }) => calls))),
    String(sum(reports.map(({ duplicates }) => duplicates))),
    String(
      sum(
        reports.map(
          ({ verdicts }) => verdicts.filter(({ kind }) => kind === 'missing' || kind === 'lost at a change').length,
        ),
      ),
    ),
    String(sum(reports.map(({ missed }) => missed))),
    greatest(calm.map(({ p99 }) => p99)),
    `${greatest(disturbed.map(({ p99 }) => p99))} / ${greatest(disturbed.map(({ max }) => max))}`,
    greatest(takeovers.map(({ max }) => max)),
    String(sum(reports.map(({ repairedBySweep }) => repairedBySweep ?? 0))),
    String(sum(reports.map(({ fencedWrites }) => fencedWrites ?? 0))),
  ];
}

/** A row for each plan, the worst of its runs where one value has to stand for several; random plans share one. */
export function tableOf(reports: readonly Report[]): string {
  const byName = new Map<string, Report[]>();
  for (const report of reports) {
    const name = report.plan.name.replace(/^random-\d+$/, 'random');
    byName.set(name, [...(byName.get(name) ?? []), report]);
  }
  const rows = [...byName].map(([name, all]) => rowOf(name, all));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return `${[line(columns), line(columns.map(() => '---')), ...rows.map(line), line(rowOf('all', reports))].join('\n')}\n`;
}
