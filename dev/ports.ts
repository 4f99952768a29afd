import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

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
 * Makes sure that a port of 127.0.0.1 can be listened on.
 * @throws PortError naming the port and the variable that chooses another
 */
export async function expectFree(name: string, port: number): Promise<void> {
  await listenOnce(port).catch((cause: unknown) => {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE') throw new PortError(`port ${port} (${name}) cannot be used: ${message}`);
    throw new PortError(`port ${port} is in use; choose another with ${name}=${port + 1}`);
  });
}

/** A port of 127.0.0.1 that is free just now. */
export function freePort(): Promise<number> {
  return listenOnce(0);
}

async function listenOnce(port: number): Promise<number> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return taken;
}
