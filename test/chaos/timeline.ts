/** Draws one run as an SVG: replicas, faults, calls, lateness and verdicts over time. */

import type { History } from './history.ts';
import { latenessOf } from './verdicts/attempts.ts';
import { groupBy, openCase, type Verdict } from './verdicts/verdict.ts';

const width = 1_200;
const left = 150;
const right = 20;
const colours = {
  ink: '#1b1f24',
  faint: '#6b7280',
  grid: '#e5e7eb',
  up: '#9fd3a8',
  starting: '#f2d58a',
  fault: '#f4b4ae',
  dot: '#2f6fb3',
  bad: '#c0281c',
};

const escaped = (text: string) => text.replace(/[<>&"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** The SVG's text. Times are in seconds since the load began. */
export function drawTimeline(history: History, verdicts: readonly Verdict[]): string {
  const opened = openCase(history);
  const from = Math.min(history.faultFrom, ...history.calls.slice(0, 1).map(({ at }) => at)) - 1_000;
  const to = history.final.at;
  const x = (at: number) => left + ((Math.min(Math.max(at, from), to) - from) / (to - from)) * (width - left - right);
  const parts: string[] = [];
  let y = 60;
  const label = (text: string, at: number) =>
    parts.push(`<text x="${left - 8}" y="${at}" text-anchor="end">${escaped(text)}</text>`);
  const bar = (a: number, b: number, top: number, height: number, fill: string, title: string) =>
    parts.push(
      `<rect x="${x(a).toFixed(1)}" y="${top}" width="${Math.max(1, x(b) - x(a)).toFixed(1)}" height="${height}" fill="${fill}" rx="2"><title>${escaped(title)}</title></rect>`,
    );

  const replicas = [...new Set(history.processes.map(({ replica }) => replica))].sort();
  for (const replica of replicas) {
    label(`replica ${replica}`, y + 12);
    for (const { startedAt, readyAt, endedAt, end } of history.processes.filter((each) => each.replica === replica)) {
      bar(startedAt, readyAt ?? endedAt ?? to, y, 16, colours.starting, 'starting');
      if (readyAt !== null) bar(readyAt, endedAt ?? to, y, 16, colours.up, end ?? 'running');
      if (endedAt !== null && endedAt < to)
        parts.push(
          `<text x="${x(endedAt).toFixed(1)}" y="${y + 13}" text-anchor="middle" fill="${colours.bad}">×</text>`,
        );
    }
    y += 22;
  }
  y += 6;
  for (const { what, from: begin, until } of history.faults) {
    bar(begin, until, y, 14, colours.fault, what);
    const anchor = x(begin) > width * 0.6 ? 'end' : 'start';
    parts.push(
      `<text x="${(anchor === 'end' ? x(until) - 4 : x(begin) + 4).toFixed(1)}" y="${y + 11}" text-anchor="${anchor}">${escaped(what)}</text>`,
    );
    y += 18;
  }
  if (history.faults.length === 0) label('no faults', y + 11);
  y += 14;

  // Calls per second.
  const height = 70;
  const buckets = new Map<number, number>();
  for (const { at } of history.calls)
    buckets.set(Math.floor((at - from) / 1_000), (buckets.get(Math.floor((at - from) / 1_000)) ?? 0) + 1);
  const most = Math.max(1, ...buckets.values());
  label('calls per second', y + 12);
  label(`most ${most}`, y + 28);
  for (const [second, count] of buckets) {
    const tall = (count / most) * height;
    bar(from + second * 1_000, from + second * 1_000 + 940, y + height - tall, tall, colours.dot, `${count} calls`);
  }
  y += height + 24;

  // Lateness, logarithmic from 1 ms to 100 s.
  const deep = 150;
  const levels = [1, 10, 100, 1_000, 10_000, 100_000];
  const depth = (lateness: number) => y + deep - (Math.log10(Math.min(Math.max(lateness, 1), 100_000)) / 5) * deep;
  for (const level of levels) {
    parts.push(
      `<line x1="${left}" x2="${width - right}" y1="${depth(level)}" y2="${depth(level)}" stroke="${colours.grid}"/>`,
    );
    label(level < 1_000 ? `${level} ms` : `${level / 1_000} s late`, depth(level) + 4);
  }
  const drawn = new Set<string>();
  for (const call of history.calls) {
    const lateness = latenessOf(opened, call);
    if (lateness === null) continue;
    const place = `cx="${x(call.at).toFixed(0)}" cy="${depth(lateness).toFixed(0)}"`;
    if (!drawn.has(place)) parts.push(`<circle ${place} r="1.6" fill="${colours.dot}" fill-opacity="0.6"/>`);
    drawn.add(place);
  }
  y += deep + 20;

  label('verdicts', y + 11);
  if (verdicts.length === 0)
    parts.push(`<text x="${left + 4}" y="${y + 11}" fill="${colours.faint}">none: every promise was kept</text>`);
  for (const { at, kind, detail } of verdicts.slice(0, 500))
    if (at !== null)
      parts.push(
        `<circle cx="${x(at).toFixed(1)}" cy="${y + 7}" r="4" fill="${colours.bad}"><title>${escaped(`${kind}: ${detail}`)}</title></circle>`,
      );
  y += 22;
  for (const [kind, all] of groupBy(verdicts, (verdict) => verdict.kind)) {
    const count = all.length;
    parts.push(
      `<text x="${left + 4}" y="${y + 8}" fill="${colours.bad}">${count} × ${kind}: ${escaped((verdicts.find((each) => each.kind === kind)?.detail ?? '').slice(0, 130))}</text>`,
    );
    y += 18;
  }

  // The axis, and where the faults began and ended.
  const step = to - from > 90_000 ? 10_000 : 5_000;
  for (let at = from; at <= to; at += step)
    parts.push(
      `<text x="${x(at).toFixed(1)}" y="${y + 14}" text-anchor="middle" fill="${colours.faint}">${Math.round((at - from) / 1_000)} s</text>`,
    );
  for (const at of [history.faultFrom, history.faultUntil])
    parts.push(
      `<line x1="${x(at).toFixed(1)}" x2="${x(at).toFixed(1)}" y1="50" y2="${y}" stroke="${colours.faint}" stroke-dasharray="4 4"/>`,
    );
  y += 26;
  const title = `${history.plan.name}, seed ${history.plan.seed}: ${verdicts.length === 0 ? 'every promise kept' : `${verdicts.length} verdicts`}`;
  const sub = `${history.final.runs.length} runs, ${history.calls.length} calls, ${history.requests.length} requests; dashed lines: faults begin and end`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" font-family="system-ui, sans-serif" font-size="11" fill="${colours.ink}">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="20" y="24" font-size="16" font-weight="600">${escaped(title)}</text>
<text x="20" y="42" fill="${colours.faint}">${escaped(sub)}</text>
${parts.join('\n')}
</svg>
`;
}
