import { jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The way of the next worker's reading connection to Redis, closed until it is opened. Its other connection has none of it. */
export class ReadersLine {
  isOpen = false;
  /** How often the worker looked in Redis for what it has. */
  looks = 0;
  /** How many reads that wait for a command were made. */
  reads = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(redis: Redis) {
    this.#server = createServer((socket) => {
      if (this.isOpen) this.#join(socket, connect(redis.options.port ?? 0, '127.0.0.1'));
      else socket.destroy();
    });
  }

  /** @param redis which the worker is given */
  static async start(redis: Redis): Promise<ReadersLine> {
    const line = new ReadersLine(redis);
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    const { port } = line.#server.address() as AddressInfo;
    const duplicate = redis.duplicate.bind(redis);
    jest
      .spyOn(redis, 'duplicate')
      .mockImplementationOnce((options) => {
        const main = duplicate(options);
        const look = main.xpending.bind(main);
        main.xpending = ((...args: Parameters<typeof look>) => {
          line.looks += 1;
          return look(...args);
        }) as typeof main.xpending;
        return main;
      })
      .mockImplementationOnce((options) => {
        const reader = duplicate({ ...options, port, maxRetriesPerRequest: null, retryStrategy: () => 20 });
        const read = reader.xreadgroup.bind(reader);
        reader.xreadgroup = ((...args: Parameters<typeof read>) => {
          line.reads += 1;
          return read(...args);
        }) as typeof reader.xreadgroup;
        return reader;
      });
    return line;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(socket: Socket, redis: Socket): void {
    for (const [one, other] of [
      [socket, redis],
      [redis, socket],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
  }
}
