/** stub */
export const durationPattern = '^(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?(\\d+ms)?$';
export function parseDuration(text: string): number | null {
  const m = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (!m || text === '') return null;
  const [, d = 0, h = 0, mi = 0, s = 0, ms = 0] = m;
  return +d * 86400000 + +h * 3600000 + +mi * 60000 + +s * 1000 + +ms;
}
export function formatDuration(ms: number): string {
  let out = '';
  for (const [u, n] of [
    ['d', 86400000],
    ['h', 3600000],
    ['m', 60000],
    ['s', 1000],
    ['ms', 1],
  ] as const) {
    const c = Math.floor(ms / n);
    if (c) out += c + u;
    ms -= c * n;
  }
  return out || '0s';
}
