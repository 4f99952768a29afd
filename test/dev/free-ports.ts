import { randomInt } from 'node:crypto';
import { expectFree } from '../../dev/ports';

/**
 * So many ports in a row of 127.0.0.1 that are free just now, below the range that the system gives to outgoing
 * connections: none of those takes one before it is listened on, or while its server restarts. Nor does a redis-server of
 * another test (12,000 to 32,000 with the cluster's bus), and no browser refuses one.
 */
export async function freePortsInARow(count: number): Promise<number[]> {
  for (;;) {
    const first = randomInt(7_000, 10_000 - count);
    const ports = Array.from({ length: count }, (_, i) => first + i);
    const free = await Promise.all(ports.map((port) => expectFree({ PORT: port }).then(yes, no)));
    if (free.every(Boolean)) return ports;
  }
}

const yes = (): boolean => true;
const no = (): boolean => false;
