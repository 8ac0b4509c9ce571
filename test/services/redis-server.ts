/** Starts a Redis of the tests' own from the program on this machine. */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { poll } from '../poll.ts';
import { createGuard } from './guard.ts';
import { freePort } from './port.ts';
import { askRedis } from './redis-command.ts';
import { createScratchFolder, randomPassword, serverOwner } from './scratch.ts';

export type RedisServer = {
  url: string;
  /** Ends it at once: connections break, new ones are refused, all keys are lost. */
  stop(): Promise<void>;
  /** Starts it again, empty, on the same port. */
  start(): Promise<void>;
  /** Makes it hang: connections stay and are taken, but nothing is answered. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Makes it lose all keys. */
  flush(): Promise<void>;
  close(): Promise<void>;
};

export type RedisServerOptions = {
  /** Lines for the configuration file besides those that every server of the tests gets. */
  config?: string[];
  /** Arguments after the configuration file. */
  args?: string[];
  /** One of its own when absent. */
  password?: string;
};

/** `program` is the path of a `redis-server`. Rejects with what the server said when it does not come up. */
export async function startRedis(program: string, options: RedisServerOptions = {}): Promise<RedisServer> {
  const owner = await serverOwner();
  const folder = await createScratchFolder(owner);
  const guard = createGuard({ signal: 'KILL', folder });
  const configFile = join(folder, 'redis.conf');
  const logFile = join(folder, 'log');
  const password = options.password ?? randomPassword();

  function urlAt(port: number): string {
    return `redis://:${password}@127.0.0.1:${port}/0`;
  }

  async function launch(port: number): Promise<ChildProcess> {
    const config = [
      'bind 127.0.0.1',
      `port ${port}`,
      `requirepass ${password}`,
      'save ""',
      `dir ${folder}`,
      `logfile ${logFile}`,
      ...(options.config ?? []),
    ];
    await writeFile(configFile, config.join('\n'), { mode: 0o600 });
    if (owner) await chown(configFile, owner.uid, owner.gid);
    const child = guard.spawn(program, [configFile, ...(options.args ?? [])], {
      ...owner,
      cwd: folder,
      stdio: 'ignore',
    });
    child.unref();
    await once(child, 'spawn');
    const up = await poll(
      async () => {
        if (hasEnded(child)) return 'ended';
        const info = await askRedis(urlAt(port), (redis) => redis.info('server'));
        return info.includes(`process_id:${child.pid}\r`) && 'ready'; // Another server may have that port.
      },
      { what: 'Redis to take connections', withinMs: 20_000 },
    );
    if (up === 'ended') throw new Error(`Redis ended at once:\n${await readFile(logFile, 'utf8').catch(() => '')}`);
    return child;
  }

  try {
    let port = await freePort();
    let child = await launch(port).catch(async (error: Error) => {
      if (!/in use/.test(error.message)) throw error;
      port = await freePort();
      return launch(port);
    });
    const url = urlAt(port);
    return {
      url,
      stop: () => kill(child),
      async start() {
        if (hasEnded(child)) child = await launch(port);
      },
      async pause() {
        child.kill('SIGSTOP');
      },
      async resume() {
        child.kill('SIGCONT');
      },
      async flush() {
        await askRedis(url, (redis) => redis.flushall());
      },
      async close() {
        await kill(child);
        await guard.close();
      },
    };
  } catch (error) {
    await guard.close();
    throw error;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function kill(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
