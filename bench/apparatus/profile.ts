/** CPU profiles of replicas: which functions the time of a measurement went to. */

import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { poll } from '../../test/poll.ts';

type Frame = { functionName: string; url: string; lineNumber: number; columnNumber: number };
type Profile = {
  nodes: { id: number; callFrame: Frame }[];
  /** Microseconds of the monotonic clock. */
  startTime: number;
  samples: number[];
  timeDeltas: number[];
};

export type ProfileFolder = { folder: string; nodeArguments: string[] };

const intervalUs = 200;

export async function createProfileFolder(): Promise<ProfileFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-profile-'));
  return { folder, nodeArguments: ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${intervalUs}`] };
}

/** Prints the `count` functions with the most time of their own within the window, of all profiles in the folder. */
export async function printProfile(folder: string, window: { from: number; to: number }, count: number): Promise<void> {
  const files = await poll(async () => (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile')), {
    what: 'a profile',
  });
  for (const file of files) {
    const profile = JSON.parse(await readFile(join(folder, file), 'utf8')) as Profile;
    const own = new Map<string, number>();
    const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
    const names = new Map<Frame, string>();
    let at = profile.startTime;
    let total = 0;
    for (const [place, id] of profile.samples.entries()) {
      const took = profile.timeDeltas[place] ?? 0;
      at += took;
      const frame = frames.get(id);
      if (at < window.from || at > window.to || !frame) continue;
      let name = names.get(frame);
      if (name === undefined) {
        name = await nameOf(frame);
        names.set(frame, name);
      }
      own.set(name, (own.get(name) ?? 0) + took);
      if (name !== '(idle)') total += took;
    }
    const sorted = [...own].filter(([name]) => name !== '(idle)').sort(([, a], [, b]) => b - a);
    console.log(`\nself time, ${(total / 1_000).toFixed(0)} ms busy within the last round:`);
    for (const [name, us] of sorted.slice(0, count))
      console.log(
        `${(us / 1_000).toFixed(1).padStart(8)} ms ${((100 * us) / total).toFixed(1).padStart(5)} %  ${name}`,
      );
    console.log('by file or package:');
    const byPlace = new Map<string, number>();
    for (const [name, us] of sorted) {
      const place = placeOf(name);
      byPlace.set(place, (byPlace.get(place) ?? 0) + us);
    }
    for (const [place, us] of [...byPlace].sort(([, a], [, b]) => b - a).slice(0, count))
      console.log(
        `${(us / 1_000).toFixed(1).padStart(8)} ms ${((100 * us) / total).toFixed(1).padStart(5)} %  ${place}`,
      );
  }
}

const maps = new Map<string, SourceMap | null>();

/** The function, and where it stands in the source. */
async function nameOf({ functionName, url, lineNumber, columnNumber }: Frame): Promise<string> {
  const name = functionName || '(anonymous)';
  if (!url) return name;
  if (!url.startsWith('file:')) return `${name}  ${url}:${lineNumber + 1}`;
  const path = fileURLToPath(url);
  const inPackage = /node_modules\/(.*)/.exec(path)?.[1];
  if (inPackage) return `${name}  ${inPackage}:${lineNumber + 1}`;
  let map = maps.get(path);
  if (map === undefined) {
    const text = await readFile(`${path}.map`, 'utf8').catch(() => null);
    map = text === null ? null : new SourceMap(JSON.parse(text));
    maps.set(path, map);
  }
  const entry = map?.findEntry(lineNumber, columnNumber);
  const short = path.replace(/.*\/dist\//, 'src/').replace(/\.js$/, '.ts');
  return `${name}  ${short}:${(entry && 'originalLine' in entry ? entry.originalLine : lineNumber) + 1}`;
}

/** `src/engine/x.ts`, a package, a part of Node, or the kind of thing that has no place. */
function placeOf(name: string): string {
  const place = name.split('  ')[1];
  if (place === undefined) return name.startsWith('(') ? name : 'native functions';
  const file = place.replace(/:\d+$/, '');
  return file.startsWith('src/') || file.startsWith('node:') ? file : (file.split('/')[0] ?? file);
}
