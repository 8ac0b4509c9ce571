/** Finds a loopback port for a server that cannot be asked to choose one itself. */

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A port that is free now and, being below the range from which outgoing connections take theirs (Linux: 32768), stays
 * so unless another server asks for it by number. Who uses it still has to cope with that.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      return port;
    } catch {
      // Taken: try another.
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  }
}
