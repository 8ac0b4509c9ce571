/** Starts an embedded Postgres (PGlite, in memory) in a process of its own: the last resort of the tests. */

import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createGuard } from './guard.ts';

export type EmbeddedServer = { url: string; close(): Promise<void> };

/** Rejects when it does not come up within 30 s. */
export async function startEmbedded(): Promise<EmbeddedServer> {
  const main = createRequire(import.meta.url).resolve('@electric-sql/pglite-socket');
  const program = join(dirname(main), 'scripts', 'server.js');
  const guard = createGuard({ signal: 'KILL' });
  const child = guard.spawn(process.execPath, [program, '--port=0', '--max-connections=100'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const port = await new Promise<string>((resolve, reject) => {
      let output = '';
      const timer = setTimeout(() => reject(new Error(`the embedded store did not come up:\n${output}`)), 30_000);
      child.stdout?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        const port = /listening on .*?"port":(\d+)/.exec(output)?.[1];
        if (!port) return;
        clearTimeout(timer);
        child.stdout?.removeAllListeners('data').resume();
        resolve(port);
      });
      child.once('exit', (code) => {
        clearTimeout(timer);
        reject(new Error(`the embedded store ended with code ${code}:\n${output}`));
      });
    });
    return {
      url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
      async close() {
        const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
        child.kill('SIGKILL');
        await exited;
        await guard.close();
      },
    };
  } catch (error) {
    await guard.close();
    throw error;
  }
}
