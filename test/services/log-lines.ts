/** Reads log lines. */

/** Each line parsed; those that are no JSON object are left out. */
export function parseLines(output: string): Record<string, unknown>[] {
  return output.split('\n').flatMap(parseLine);
}

function parseLine(line: string): Record<string, unknown>[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : [];
  } catch {
    return [];
  }
}
