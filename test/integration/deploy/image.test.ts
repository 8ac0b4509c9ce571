import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../services/port.ts';
import { nodeArguments } from '../../services/program.ts';
import { exists, imageEnvironment, instructions, lastOf, of, settingNames, settingsOf, textOf } from './read.ts';

describe('the Dockerfile', () => {
  test('builds from a Node that package.json accepts, from one image in all stages', () => {
    const images = of('FROM').map(({ rest }) => rest.split(' ')[0] as string);
    const stages = of('FROM').map(({ stage }) => stage);
    const pulled = images.filter((image) => !stages.includes(image));
    expect(new Set(pulled).size).toBe(1);
    const major = Number(/^node:(\d+)/.exec(pulled[0] as string)?.[1]);
    expect(major).toBeGreaterThanOrEqual(24);
    expect(JSON.parse(textOf('package.json')).engines.node).toBe('>=20.19.0');
  });

  test('copies only what exists and what .dockerignore lets through', () => {
    const sources = of('COPY')
      .filter(({ rest }) => !rest.startsWith('--from='))
      .flatMap(({ rest }) => rest.split(' ').slice(0, -1));
    expect(sources).toEqual(expect.arrayContaining(['package.json', 'package-lock.json', 'src', 'migrations']));
    for (const source of sources) {
      expect(exists(source), source).toBe(true);
      expect(isIgnored(source), source).toBe(false);
    }
  });

  test('keeps secrets, data, dependencies and builds of this machine out of the build', () => {
    for (const path of [
      '.env',
      '.git/config',
      'data/holder.json',
      'node_modules/pg',
      'dist/main.js',
      'api_keys',
      '.npmrc',
    ])
      expect(isIgnored(path), path).toBe(true);
    expect(isIgnored('src/http/app.ts')).toBe(false);
    expect(isIgnored('migrations/meta/_journal.json')).toBe(false);
  });

  test('runs nothing that uses the network but npm ci', () => {
    for (const { rest } of of('RUN')) expect(rest).toMatch(/^(npm ci |npm run build && chmod |install -d )/);
    expect(of('ADD')).toEqual([]);
    for (const { rest } of of('COPY')) expect(rest).not.toContain('://');
  });

  test('gives the process all that it reads, and only production dependencies', () => {
    const copied = of('COPY', 'runtime').map(({ rest }) => rest);
    expect(copied).toEqual([
      '--from=dependencies /app/node_modules ./node_modules',
      '--from=build /app/package.json ./',
      '--from=build /app/migrations ./migrations',
      '--from=build /app/dist ./dist',
    ]);
    expect(of('RUN', 'dependencies').map(({ rest }) => rest)).toEqual([expect.stringContaining('npm ci --omit=dev ')]);
  });

  test('runs as a numeric user who owns the data folder and nothing else', () => {
    const [, uid, gid] = /^(\d+):(\d+)$/.exec(lastOf('USER')) ?? [];
    expect(Number(uid)).toBeGreaterThan(0);
    expect(lastOf('VOLUME')).toBe(imageEnvironment.DATA_DIR);
    expect(lastOf('RUN')).toBe(`install -d -m 0700 -o ${uid} -g ${gid} ${imageEnvironment.DATA_DIR}`);
    // A volume that is declared before its folder has its owner would belong to root.
    const order = instructions.filter(({ stage }) => stage === 'runtime').map(({ word }) => word);
    expect(order.indexOf('VOLUME')).toBeGreaterThan(order.indexOf('RUN'));
    for (const { rest } of of('COPY', 'runtime')) expect(rest).not.toContain('--chown');
  });

  test('starts the program itself as process 1 and stops it by the signal that drains', () => {
    expect(lastOf('STOPSIGNAL')).toBe('SIGTERM');
    expect(JSON.parse(lastOf('ENTRYPOINT'))).toEqual(['node', ...nodeArguments.slice(0, -1), '/app/dist/main.js']);
    expect(JSON.parse(lastOf('CMD'))).toEqual(['serve']);
    expect(imageEnvironment.NODE_ENV).toBe('production');
  });

  test('sets only variables that the settings know, and they start the embedded store as soon as auth is decided', () => {
    const { NODE_ENV: _, ...environment } = imageEnvironment;
    for (const name of Object.keys(environment)) expect(settingNames.has(name), name).toBe(true);
    expect(() => settingsOf(environment)).toThrow('no auth is set');
    expect(settingsOf({ ...environment, AUTH: 'none' })).toMatchObject({ dataDir: '/data', databaseUrl: null });
    expect(lastOf('EXPOSE')).toBe(environment.PORT);
  });
});

/** Whether .dockerignore keeps a path out: the last pattern that matches it, or a folder above it, decides. */
function isIgnored(path: string): boolean {
  const patterns = textOf('.dockerignore')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  let ignored = false;
  for (const pattern of patterns) {
    const bare = pattern.replace(/^!/, '').replace(/^\/|\/$/g, '');
    // Wildcards other than a whole segment would need a matcher of Docker's kind.
    expect(bare).toMatch(/^(\*|[\w.-]+)(\/(\*|[\w.-]+))*$/);
    const regexp = new RegExp(`^${bare.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}(/|$)`);
    if (regexp.test(path)) ignored = !pattern.startsWith('!');
  }
  return ignored;
}

describe('the health check', () => {
  const command = JSON.parse(/CMD (\[.*\])$/.exec(lastOf('HEALTHCHECK'))?.[1] ?? '') as string[];

  test('is healthy when /livez answers 200', async () => {
    const { port, asked } = await serving(200);
    expect(await exitCode(command, { PORT: `${port}` })).toBe(0);
    expect(asked).toEqual(['/livez']);
  });

  test('is unhealthy when the answer is 503', async () => {
    const { port } = await serving(503);
    expect(await exitCode(command, { PORT: `${port}` })).toBe(1);
  });

  test('is unhealthy when nothing listens', async () => {
    expect(await exitCode(command, { PORT: `${await freePort()}` })).toBe(1);
  });

  test('gives up by itself when there is no answer', async () => {
    const { port } = await serving(null);
    expect(await exitCode(command, { PORT: `${port}` })).toBe(1);
  });
});

/** A server that gives every request this status, or never answers. */
async function serving(status: number | null): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (status !== null) response.writeHead(status).end();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, asked };
}

/** Runs a command as the container's runtime would: without a shell, in an environment of its own. */
async function exitCode([program, ...args]: string[], env: Record<string, string>): Promise<number | null> {
  expect(program).toBe('node');
  const child = spawn(process.execPath, args, { env, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}
