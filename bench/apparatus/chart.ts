/** A line chart as SVG text: two axes from zero, curves, and a legend below. */

export type Curve = {
  label: string;
  color: string;
  points: [x: number, y: number][];
  bold?: boolean;
  dashed?: boolean;
};

export type Chart = {
  title: string;
  /** Below the title, smaller. */
  note: string;
  x: Axis;
  y: Axis;
  curves: Curve[];
};

/** `most`: the largest value to be shown. */
type Axis = { title: string; most: number };

const width = 760;
const height = 420;
const left = 64;
const right = 24;
const top = 64;
const bottom = 52;
const legendLine = 20;

/** The chart on a white ground, so that it can be read in dark pages too. */
export function drawChart({ title, note, x, y, curves }: Chart): string {
  const plotWidth = width - left - right;
  const plotHeight = height - top - bottom;
  const xStep = step(x.most, 8);
  const yStep = step(y.most, 6);
  const xMost = Math.ceil(x.most / xStep) * xStep;
  const yMost = Math.ceil(y.most / yStep) * yStep;
  const place = (value: number, most: number, length: number) => (value / most) * length;
  const xAt = (value: number) => (left + place(Math.max(0, value), xMost, plotWidth)).toFixed(1);
  const yAt = (value: number) => (top + plotHeight - place(value, yMost, plotHeight)).toFixed(1);
  const parts: string[] = [];
  for (let value = 0; value <= xMost + xStep / 2; value += xStep) {
    parts.push(`<line class="grid" x1="${xAt(value)}" x2="${xAt(value)}" y1="${yAt(0)}" y2="${yAt(yMost)}"/>`);
    parts.push(`<text x="${xAt(value)}" y="${height - bottom + 18}" text-anchor="middle">${show(value)}</text>`);
  }
  for (let value = 0; value <= yMost + yStep / 2; value += yStep) {
    parts.push(`<line class="grid" x1="${xAt(0)}" x2="${xAt(xMost)}" y1="${yAt(value)}" y2="${yAt(value)}"/>`);
    parts.push(`<text x="${left - 8}" y="${Number(yAt(value)) + 4}" text-anchor="end">${show(value)}</text>`);
  }
  for (const { points, color, bold, dashed } of curves) {
    const line = points.map(([a, b]) => `${xAt(a)},${yAt(b)}`).join(' ');
    parts.push(`<polyline points="${line}" fill="none" stroke="${color}"${stroke(bold, dashed)}/>`);
  }
  parts.push(...legend(curves));
  const whole = height + curves.length * legendLine + 12;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${whole}" width="${width}" height="${whole}" role="img">
<title>${escapeText(title)}</title>
<style>text { font: 12px system-ui, sans-serif; fill: #333 } .grid { stroke: #e4e4e4 } .title { font-size: 16px; font-weight: 600 }</style>
<rect width="100%" height="100%" fill="#fff"/>
<text class="title" x="${left}" y="28">${escapeText(title)}</text>
<text x="${left}" y="46">${escapeText(note)}</text>
${parts.join('\n')}
<text x="${left + plotWidth / 2}" y="${height - 12}" text-anchor="middle">${escapeText(x.title)}</text>
<text transform="translate(16 ${top + plotHeight / 2}) rotate(-90)" text-anchor="middle">${escapeText(y.title)}</text>
</svg>
`;
}

function legend(curves: readonly Curve[]): string[] {
  return curves.flatMap(({ label, color, bold, dashed }, number) => {
    const y = height + (number + 0.5) * legendLine;
    const line = `<line x1="${left}" x2="${left + 28}" y1="${y}" y2="${y}" stroke="${color}"${stroke(bold, dashed)}/>`;
    return [line, `<text x="${left + 38}" y="${y + 4}">${escapeText(label)}</text>`];
  });
}

function stroke(bold = false, dashed = false): string {
  return ` stroke-width="${bold ? 3 : 1.8}"${dashed ? ' stroke-dasharray="5 4"' : ''}`;
}

/** 1, 2 or 5 times a power of ten, so that there are at most so many steps. */
function step(most: number, steps: number): number {
  const least = Math.max(most, 1e-9) / steps;
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5, 10].find((times) => times * power >= least) ?? 10);
}

function show(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString('en');
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
