import { connect } from 'node:net';
import {
  getContainerRuntimeClient,
  Network,
  type StartedNetwork,
  type StartedTestContainer,
} from 'testcontainers';

/** The images that containers are made from, each replaceable by the environment. */
export const IMAGES = {
  kong: process.env['KONG_IMAGE'] ?? 'kong:3.9',
  redis: process.env['REDIS_IMAGE'] ?? 'redis:7',
  node: process.env['NODE_IMAGE'] ?? 'node:22-slim',
};

// Once the images of IMAGES are there, no other (testcontainers' reaper) may need the network.
process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true';

/** A network of its own. @throws when there is no Docker */
export async function newNetwork(): Promise<StartedNetwork> {
  try {
    await getContainerRuntimeClient();
  } catch {
    throw new Error('npm run test:kong needs Docker: install it and let this user reach its daemon');
  }
  return new Network().start();
}

/**
 * Where this process reaches a container's port: at its own address where there is a route to it (Linux), else at the
 * published port. Docker's proxy for published ports may end in the middle of a run that starts many containers: it is
 * a child of a thread of the daemon, and ends with that.
 */
export async function addressOf(
  container: StartedTestContainer,
  network: string,
  port: number,
): Promise<string> {
  const own = container.getIpAddress(network);
  if (await accepts(own, port)) return `${own}:${port}`;
  return `${container.getHost()}:${container.getMappedPort(port)}`;
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const settle = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => {
      settle(true);
    });
    socket.once('timeout', () => {
      settle(false);
    });
    socket.once('error', () => {
      settle(false);
    });
  });
}

/** Does what testcontainers has no method for. */
export async function runtime(
  container: StartedTestContainer,
  act: (container: Handle) => Promise<unknown>,
): Promise<void> {
  const client = await getContainerRuntimeClient();
  await act(client.container.getById(container.getId()));
}

type Handle = ReturnType<Awaited<ReturnType<typeof getContainerRuntimeClient>>['container']['getById']>;

/** Sends a signal, and waits for the container's end. */
export function signal(container: StartedTestContainer, name: string): Promise<void> {
  return runtime(container, async (handle) => {
    await handle.kill({ signal: name });
    await handle.wait();
  });
}
