/** The rules of the house: which room may import what, and what only certain files may touch. Change them here. */

import { posix } from 'node:path';
import { readSource, type Source, withoutImports } from './read-source.ts';

/** A room is a folder of src, or a file next to them. `x (types)` allows `import type` only. */
const edges: Record<string, readonly string[]> = {
  main: ['cli', 'v8-flags'],
  'v8-flags': [],
  cli: ['replica', 'settings', 'executors', 'store', 'errors', 'clock', 'observability'],
  replica: [
    'http',
    'usecases',
    'engine',
    'live',
    'events',
    'store',
    'redis',
    'executors',
    'domain',
    'settings',
    'errors',
    'clock',
    'observability',
    'turns',
  ],
  usecases: ['domain', 'store', 'turns', 'errors', 'live (types)', 'clock (types)', 'observability (types)'],
  http: [
    'usecases',
    'domain',
    'live',
    'store (types)',
    'turns',
    'errors',
    'clock',
    'observability',
    'settings (types)',
  ],
  engine: [
    'domain',
    'events',
    'store',
    'turns',
    'redis',
    'executors',
    'errors',
    'clock',
    'observability',
    'live (types)',
    'settings (types)',
  ],
  live: ['clock (types)'],
  store: ['domain', 'errors', 'clock', 'observability', 'settings (types)'],
  events: ['domain', 'store', 'errors', 'clock'],
  redis: ['live (types)', 'domain', 'errors', 'clock', 'observability', 'settings (types)'],
  executors: ['domain', 'errors', 'clock', 'observability', 'settings (types)'],
  domain: ['errors', 'clock (types)'],
  settings: ['domain', 'errors'],
  observability: ['domain', 'errors', 'clock', 'settings (types)'],
  turns: ['domain (types)'],
  clock: ['errors'],
  errors: [],
};

/** Folders within a room that only the rooms given here may import from, even types: nobody else of the room either. */
const closedFolders: Record<string, readonly string[]> = {
  'executors/http': ['replica', 'cli'],
};

/**
 * Who may import a package, and its subpaths, by the same words. A package that is not here may be imported by nobody.
 */
const packages: Record<string, readonly string[]> = {
  croner: ['domain'],
  liquidjs: ['executors'],
  re2js: ['executors'],
  ioredis: ['redis'],
  'drizzle-orm': ['store'],
  pg: ['store'],
  'pg-connection-string': ['store'],
  '@electric-sql/pglite': ['store'],
  '@electric-sql/pglite-socket': ['store'],
  fastify: ['http'],
  '@fastify/static': ['http'],
  '@fastify/swagger': ['http'],
  '@fastify/swagger-ui': ['http'],
  'find-my-way': ['http'],
  ajv: ['http', 'settings'],
  typebox: ['http', 'settings', 'executors'],
  jose: ['http'],
  'openid-client': ['http'],
  cookie: ['http'],
  undici: ['executors'],
  pino: ['observability', '* (types)'],
  'pino-pretty': ['observability'],
  'lru-cache': ['domain', 'engine', 'executors', 'http'],
  'prom-client': ['observability'],
};

/** The built-in modules that neither read nor change anything outside the process. */
const pureBuiltins = ['node:crypto', 'node:net', 'node:url', 'node:util'];

/** Who may touch what comes from outside: everyone else is handed it. */
const reserved: { pattern: RegExp; name: string; files: readonly string[] }[] = [
  { pattern: /\bprocess\s*\.\s*env\b/, name: 'process.env', files: ['settings/settings.ts', 'cli/main.ts'] },
  { pattern: /\bDate\s*\.\s*now\b/, name: 'Date.now', files: ['clock.ts', 'cli/main.ts'] },
  { pattern: /\bnew\s+Date\s*(\(\s*\)|(?!\s*\())/, name: 'new Date()', files: ['clock.ts', 'cli/main.ts'] },
  { pattern: /\bperformance\s*\.\s*now\b/, name: 'performance.now', files: ['clock.ts', 'cli/main.ts'] },
  // A socket's own timeout is no timer of ours.
  { pattern: /(?<!\bsocket\.)\bset(Timeout|Interval)\b/, name: 'a timer', files: ['clock.ts', 'cli/main.ts'] },
  { pattern: /['"]node:timers/, name: 'a timer', files: ['clock.ts', 'cli/main.ts'] },
  { pattern: /\bMath\s*\.\s*random\b/, name: 'Math.random', files: ['cli/main.ts', 'replica/replica.ts'] },
  {
    pattern: /\b(update|insert\s+into)\s+runs\b/i,
    name: 'statements that write runs',
    files: ['store/runs/transitions.ts'],
  },
  {
    pattern: /\bdelete\s+from\s+runs\b/i,
    name: 'statements that delete runs',
    files: ['store/runs/history.ts', 'store/runs/namespace-history.ts', 'store/runs/claiming/pre-claims.ts'],
  },
  { pattern: /^(export )?(let|var) /m, name: 'state of a module', files: [] },
];

const mostLines = 300;
/** In folders of files that have to stay smaller. */
const mostLinesIn: Record<string, number> = { 'http/routes': 120 };

/**
 * `files` maps a path below src (`http/app.ts`) to its text. Returns one sentence per violation, none when all is well.
 */
export function violations(files: ReadonlyMap<string, string>): string[] {
  const sources = new Map([...files].map(([path, text]) => [path, readSource(text)]));
  const perFile = [...sources].flatMap(([path, source]) => [
    ...importFaults(path, source, sources),
    ...contentFaults(path, source),
  ]);
  return [...perFile, ...cycles(sources), ...folderCycles(sources)];
}

function importFaults(path: string, source: Source, all: ReadonlyMap<string, Source>): string[] {
  const room = roomOf(path);
  const allowed = edges[room];
  if (!allowed) return [`${path} is in no known room`];
  return source.imports.flatMap(({ from, typeOnly }) => {
    if (from.startsWith('node:')) {
      return room === 'domain' && !pureBuiltins.includes(from)
        ? [`${path} must not import ${from}: domain is pure`]
        : [];
    }
    const needed = typeOnly ? ' even as a type' : '';
    if (!from.startsWith('.')) {
      const users = packages[packageOf(from)] ?? [];
      return permits(users, room, typeOnly) ? [] : [`${path} must not import the package ${from}${needed}`];
    }
    const target = resolve(path, from);
    if (!all.has(target)) return [`${path} imports ${from}, which is not a file of src`];
    const closed = Object.keys(closedFolders).find((folder) => isWithin(target, folder) && !isWithin(path, folder));
    if (closed !== undefined && !closedFolders[closed]?.includes(room))
      return [`${path} must not import ${target}: ${closed} is closed`];
    const other = roomOf(target);
    return other === room || permits(allowed, other, typeOnly) ? [] : [`${path} must not import ${target}${needed}`];
  });
}

function contentFaults(path: string, source: Source): string[] {
  const faults = reserved
    .filter(({ pattern, files }) => !files.includes(path) && pattern.test(source.code))
    .map(({ name }) => `${path} must not use ${name}`);
  const folder = Object.keys(mostLinesIn).find((name) => isWithin(path, name));
  const most = mostLinesIn[folder ?? ''] ?? mostLines;
  if (source.lines > most) faults.push(`${path} has ${source.lines} lines, more than ${most}`);
  if (source.imports.some(({ reExport }) => reExport) && withoutImports(source.code) === '') {
    faults.push(`${path} is a barrel: it only re-exports`);
  }
  return faults;
}

/**
 * Two folders of one room that import each other, types included. A folder and the files beside it, in the folder
 * above, may do so: those are its entrance.
 */
function folderCycles(sources: ReadonlyMap<string, Source>): string[] {
  const imports = new Set<string>();
  for (const [path, source] of sources) {
    for (const { from } of source.imports) {
      if (!from.startsWith('.')) continue;
      const [folder, other] = [posix.dirname(path), posix.dirname(resolve(path, from))];
      if (roomOf(path) === roomOf(`${other}/`) && !isAbove(folder, other) && !isAbove(other, folder))
        imports.add(`${folder} ${other}`);
    }
  }
  return [...imports]
    .map((edge) => edge.split(' ') as [string, string])
    .filter(([folder, other]) => folder < other && imports.has(`${other} ${folder}`))
    .map(([folder, other]) => `${folder} and ${other} import each other`);
}

function isAbove(folder: string, other: string): boolean {
  return folder === other || other.startsWith(`${folder}/`);
}

/** Each cycle of imports, types included, once. */
function cycles(sources: ReadonlyMap<string, Source>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  function visit(path: string, trail: string[]): void {
    const start = trail.indexOf(path);
    if (start >= 0) found.push(`cycle: ${[...trail.slice(start), path].join(' -> ')}`);
    if (start >= 0 || done.has(path)) return;
    for (const { from } of sources.get(path)?.imports ?? []) {
      if (from.startsWith('.')) visit(resolve(path, from), [...trail, path]);
    }
    done.add(path);
  }
  for (const path of sources.keys()) visit(path, []);
  return found;
}

function roomOf(path: string): string {
  return (path.split('/')[0] as string).replace(/\.ts$/, '');
}

function isWithin(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

function permits(allowed: readonly string[], wanted: string, typeOnly: boolean): boolean {
  return [wanted, '*'].some((name) => allowed.includes(name) || (typeOnly && allowed.includes(`${name} (types)`)));
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function resolve(path: string, from: string): string {
  return posix.join(posix.dirname(path), from);
}
