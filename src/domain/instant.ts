/** stub */
export function parseInstant(text: string): number | null {
  const t = Date.parse(text);
  return /T/.test(text) && !Number.isNaN(t) ? t : null;
}
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString();
}
