import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to Redis that may be slow: bytes that are on their way arrive in the end, also those of a connection that was closed since. */
export class LateLine {
  readonly #server: Server;
  readonly #joined: { readonly worker: Socket; readonly redis: Socket }[] = [];

  private constructor(port: number) {
    this.#server = createServer({ allowHalfOpen: true }, (worker) => {
      const redis = connect(port, '127.0.0.1');
      for (const socket of [worker, redis]) socket.on('error', () => undefined);
      worker.pipe(redis);
      // Read also when the worker is gone, for else its end is not.
      redis.on('data', (chunk: Buffer) => worker.write(chunk));
      redis.on('end', () => worker.end());
      this.#joined.push({ worker, redis });
    });
  }

  static async start(port: number): Promise<LateLine> {
    const line = new LateLine(port);
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Nothing more of the worker's comes to Redis for now, and no other connection is made. */
  hold(): void {
    for (const { worker, redis } of this.#joined) worker.unpipe(redis);
    this.#server.close();
  }

  /** Lets what was held come, and breaks the connections off behind it. @returns once Redis has had it */
  async letCome(): Promise<void> {
    const open = this.#joined.filter(({ redis }) => !redis.readableEnded);
    const ends = open.map(({ redis }) => once(redis, 'end'));
    for (const { worker, redis } of open) redis.end((worker.read() as Buffer | null) ?? '');
    await Promise.all(ends);
  }

  stop(): void {
    this.#server.close();
    for (const { worker, redis } of this.#joined) {
      worker.destroy();
      redis.destroy();
    }
  }
}
