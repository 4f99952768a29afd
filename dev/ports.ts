import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port that cannot be used. */
export class PortError extends Error {
  override readonly name = 'PortError';
  readonly code = 'ERR_PORT';
}

/**
 * Reads a port from an environment variable.
 * @throws PortError naming the variable
 */
export function portFrom(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined || text === '') return fallback;
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new PortError(`${name}: expected a port from 1 to 65535, got "${text}"`);
}

/**
 * Makes sure that ports of 127.0.0.1 can be listened on, each by one server.
 * @param wanted by the environment variables that choose them
 * @throws PortError that names all that cannot, and others that can
 */
export async function expectFree(wanted: Readonly<Record<string, number>>): Promise<void> {
  const ports = Object.entries(wanted);
  const besides = new Set(Object.values(wanted));
  const taken: string[] = [];
  const others: string[] = [];
  for (const [index, [name, port]] of ports.entries()) {
    const [twin] = ports.slice(0, index).find(([, other]) => other === port) ?? [];
    const reason = twin === undefined ? await whyNot(port) : `is ${twin} already`;
    if (reason === undefined) continue;
    const other = await freeBeside(port, besides);
    besides.add(other);
    taken.push(`port ${port} (${name}) ${reason}`);
    others.push(`${name}=${other}`);
  }
  if (taken.length > 0) throw new PortError(`${taken.join(', ')}; free is ${others.join(' ')}`);
}

async function whyNot(port: number): Promise<string | undefined> {
  try {
    await listenOnce(port);
    return undefined;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    return code === 'EADDRINUSE' ? 'is in use' : `cannot be used: ${message}`;
  }
}

/** The next one that is free, or any. */
async function freeBeside(port: number, besides: ReadonlySet<number>): Promise<number> {
  for (let next = Math.max(port, 1_023) + 1; next <= Math.min(port + 100, 65_535); next += 1)
    if (!besides.has(next) && (await whyNot(next)) === undefined) return next;
  return freePort();
}

/**
 * A port of 127.0.0.1 that is free just now, below those that the system gives to outgoing connections: none of these takes it
 * before it is listened on, or while its server restarts.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 12_000);
    if ((await whyNot(port)) === undefined) return port;
  }
}

async function listenOnce(port: number): Promise<void> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
