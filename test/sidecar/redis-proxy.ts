import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A proxy in front of Redis that can stop to forward. */
export interface RedisProxy {
  readonly url: string;
  /**
   * From now on nothing that Redis says reaches the connections that name themselves so; they stay open.
   * @returns how many there are
   */
  mute(connectionName: string): number;
  /**
   * From now on nothing goes either way on the connections that name themselves so, as when their packets are dropped; they
   * stay open, whatever either side does. New ones get through.
   * @returns how many there are
   */
  freeze(connectionName: string): number;
  /** New connections go to the Redis on this port from now on; those that are open stay where they are. */
  lead(port: number): void;
  /** How many connections were made so far. */
  readonly made: number;
  close(): void;
}

/** Starts a proxy for the Redis on `port`. */
export async function startRedisProxy(port: number): Promise<RedisProxy> {
  const links = new Set<{ client: Socket; server: Socket; said: string }>();
  let made = 0;
  let target = port;
  const proxy = createServer((client) => {
    const link = { client, server: connect(target, '127.0.0.1'), said: '' };
    links.add(link);
    made += 1;
    client.on('data', (chunk: Buffer) => {
      link.said = (link.said + chunk.toString('latin1')).slice(0, 4096);
      link.server.write(chunk);
    });
    link.server.on('data', (chunk: Buffer) => client.write(chunk));
    for (const [from, to] of [
      [client, link.server],
      [link.server, client],
    ] as const) {
      from.on('error', () => undefined);
      from.on('close', () => {
        to.destroy();
        links.delete(link);
      });
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    mute: (connectionName) => {
      const named = [...links].filter(({ said }) => said.includes(connectionName));
      for (const { server } of named) server.removeAllListeners('data').resume();
      return named.length;
    },
    freeze: (connectionName) => {
      const named = [...links].filter(({ said }) => said.includes(connectionName));
      for (const { client, server } of named) {
        for (const end of [client, server])
          end.removeAllListeners('data').removeAllListeners('close').pause();
      }
      return named.length;
    },
    lead: (to) => {
      target = to;
    },
    get made() {
      return made;
    },
    close: () => {
      proxy.close();
      for (const { client, server } of links) {
        client.destroy();
        server.destroy();
      }
    },
  };
}
