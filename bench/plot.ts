/** Draws the lateness of a herd or of a steady rate as SVG, from the JSON lines of those benches. */

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Curve, drawChart } from './apparatus/chart.ts';

type Figures = {
  p99Ms: number;
  lastMs: number;
  quantiles: [share: number, ms: number][];
  perSecond?: { p50Ms: number; p99Ms: number }[];
};
type Line = {
  workload: string;
  tasks?: number;
  rate?: number;
  replicas: number;
  contenders: Record<string, Figures>;
};

const usage =
  'usage: tsx bench/plot.ts --out docs/herd.svg figures.jsonl … (the last line of a herd or a steady rate counts)';

const { values, positionals } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true });
const line = positionals
  .flatMap((path) => readFileSync(path, 'utf8').split('\n'))
  .filter((text) => text.startsWith('{'))
  .map((text) => JSON.parse(text) as Line)
  .findLast(({ workload }) => workload === 'herd' || workload === 'steady');
if (!(line && values.out)) {
  console.error(usage);
  process.exit(2);
}
writeFileSync(values.out, line.workload === 'herd' ? drawHerd(line) : drawSteady(line));
console.log(`${values.out} is written`);

/** How many of the calls had come after how many milliseconds. */
function drawHerd({ tasks = 0, replicas, contenders }: Line): string {
  const curves = Object.entries(contenders)
    .sort(([, a], [, b]) => a.lastMs - b.lastMs)
    .map(
      ([name, { quantiles, p99Ms, lastMs }]): Curve => ({
        label: `${name}: p99 ${whole(p99Ms)} ms, last ${whole(lastMs)} ms`,
        color: colorOf(name),
        points: quantiles.map(([share, ms]) => [ms, share * 100]),
        bold: name === 'punctual',
      }),
    );
  return drawChart({
    title: `${tasks.toLocaleString('en')} tasks due at one instant`,
    note: `calls that had arrived by then; ${replicas} replica(s)`,
    x: {
      title: 'milliseconds after the instant',
      most: Math.max(...curves.flatMap(({ points }) => points.map(([ms]) => ms))),
    },
    y: { title: '% of the calls', most: 100 },
    curves,
  });
}

/** The lateness of each second's calls. */
function drawSteady({ rate = 0, replicas, contenders }: Line): string {
  const curves = Object.entries(contenders).flatMap(([name, { perSecond = [] }]): Curve[] =>
    (['p99Ms', 'p50Ms'] as const).map((figure) => ({
      label: `${name}: ${figure === 'p99Ms' ? 'p99' : 'p50'}`,
      color: colorOf(name),
      points: perSecond.map((second, place) => [place, second[figure]]),
      bold: name === 'punctual',
      dashed: figure === 'p50Ms',
    })),
  );
  return drawChart({
    title: `${rate.toLocaleString('en')} occurrences a second`,
    note: `lateness of each second's calls; ${replicas} replica(s)`,
    x: { title: 'seconds', most: Math.max(...curves.map(({ points }) => points.length - 1)) },
    y: { title: 'milliseconds late', most: Math.max(...curves.flatMap(({ points }) => points.map(([, ms]) => ms))) },
    curves,
  });
}

/** Colours that people with any colour vision tell apart (Okabe and Ito). */
function colorOf(name: string): string {
  const known: Record<string, string> = {
    punctual: '#d55e00',
    'bare pipeline': '#555555',
    bullmq: '#0072b2',
    'pg-boss': '#009e73',
    'graphile-worker': '#cc79a7',
  };
  return known[name] ?? '#e69f00';
}

function whole(ms: number): string {
  return Math.round(ms).toLocaleString('en');
}
