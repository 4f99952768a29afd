import { randomInt } from 'node:crypto';
import { env } from 'node:process';
import { expectFree } from '../../dev/ports';

/** Each of jest's workers has ports of its own: none takes one that another has found free and does not listen on yet. */
const [FIRST, SHARE, WORKERS] = [7_000, 750, 4] as const;

/**
 * So many ports in a row of 127.0.0.1 that are free just now, below the range that the system gives to outgoing
 * connections: none of those takes one before it is listened on, or while its server restarts. Nor does a redis-server of
 * another test (12,000 to 32,000 with the cluster's bus), and no browser refuses one.
 */
export async function freePortsInARow(count: number): Promise<number[]> {
  const own = FIRST + (Number(env['JEST_WORKER_ID'] ?? 0) % WORKERS) * SHARE;
  for (;;) {
    const first = randomInt(own, own + SHARE - count);
    const ports = Array.from({ length: count }, (_, i) => first + i);
    const free = await Promise.all(ports.map((port) => expectFree({ PORT: port }).then(yes, no)));
    if (free.every(Boolean)) return ports;
  }
}

const yes = (): boolean => true;
const no = (): boolean => false;
