import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { expectFree, freePort } from '../../dev/ports';
import { freePortsInARow } from './free-ports';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function takenPort(): Promise<number> {
  const [port = 0] = await freePortsInARow(1);
  const server = createServer().listen(port, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return port;
}

describe('ports that are wanted', () => {
  it('are taken when all are free', async () => {
    await expect(expectFree({ ONE: await freePort() })).resolves.toBeUndefined();
  });

  it('are refused all at once, with free ones in their places', async () => {
    const [one, other] = [await takenPort(), await takenPort()];
    const free = await freePort();
    const said = await expectFree({ ONE: one, FREE: free, OTHER: other }).catch(
      (cause: unknown) => (cause as Error).message,
    );
    const [, ...found] =
      /^port \d+ \(ONE\) is in use, port \d+ \(OTHER\) is in use; free is ONE=(\d+) OTHER=(\d+)$/.exec(
        said ?? '',
      ) ?? [];
    const [first = NaN, second = NaN] = found.map(Number);
    expect(new Set([one, other, free, first, second]).size).toBe(5);
    await expectFree({ ONE: first, OTHER: second });
  });

  it('are refused when two servers are to have the same', async () => {
    const port = await freePort();
    await expect(expectFree({ ONE: port, OTHER: port })).rejects.toThrow(
      `port ${port} (OTHER) is ONE already; free is OTHER=`,
    );
  });

  it('have no port above 65535 in their places', async () => {
    const server = createServer().listen(65_535, '127.0.0.1');
    servers.push(server);
    await Promise.race([once(server, 'listening'), once(server, 'error')]);
    await expect(expectFree({ ONE: 65_535 })).rejects.toThrow(/; free is ONE=[1-6]?\d{1,4}$/);
  });
});
