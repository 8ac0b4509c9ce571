/** The rules of the tests: which tier needs what, no fixed waits, no fakes past the compiler. Change them here. */

import { posix } from 'node:path';
import { readSource } from './read-source.ts';

const unitTier = /^(unit|architecture)\//;
/** What starts a service, or needs one. */
const beyondUnit = /^(services|integration|replicas|chaos\/cluster)\//;
const needsBuild = /['"`/]dist\//;

/** A cast that the compiler would refuse without the step over `never`, `unknown` or `any`. */
const blindCast = /\bas (never|any|unknown as)\b/;

const fixedWait = /new Promise\b[^;]*?=>\s*(void )?setTimeout\(|node:timers\/promises/;

/** Who may wait for a time, and why. */
const waitsAllowed: Record<string, string> = {
  'poll.ts': 'the pause between two looks',
  'outlast.ts': 'an outage has to last, a request has to come at its instant, a pause has to be one',
};
/** Here time itself is under test, or paces the load. */
const timeItself = /^chaos\//;

/** `files` maps a path below test (`unit/loop.test.ts`) to its text. One sentence per violation. */
export function testViolations(files: ReadonlyMap<string, string>): string[] {
  const sources = new Map([...files].map(([path, text]) => [path, readSource(text)]));
  return [...sources].flatMap(([path, { code }]) => {
    if (path.startsWith('architecture/')) return [];
    const faults: string[] = [];
    const reached = unitTier.test(path) ? reachedFrom(path, sources) : [];
    for (const other of reached) {
      if (beyondUnit.test(other)) faults.push(`${path} reaches ${other}: the unit tier needs no service`);
      if (needsBuild.test(sources.get(other)?.code ?? '')) faults.push(`${path} needs a build, by ${other}`);
    }
    if (blindCast.test(code)) faults.push(`${path} casts past the compiler`);
    if (fixedWait.test(code) && !timeItself.test(path) && waitsAllowed[path] === undefined)
      faults.push(`${path} waits for a time: wait for what is to happen, or move a clock by hand`);
    return faults;
  });
}

/** The file, and all below test that it imports, directly or not. */
function reachedFrom(path: string, sources: ReadonlyMap<string, { imports: { from: string; typeOnly: boolean }[] }>) {
  const found = new Set([path]);
  for (const file of found)
    for (const { from, typeOnly } of sources.get(file)?.imports ?? []) {
      const other = posix.join(posix.dirname(file), from);
      if (from.startsWith('.') && !typeOnly && (sources.has(other) || beyondUnit.test(other))) found.add(other);
    }
  return [...found];
}
