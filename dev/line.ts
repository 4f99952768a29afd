import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A connection that runs over a line: its two ends, and what it calls itself. */
interface Wire {
  readonly ends: readonly [Socket, Socket];
  id: string | undefined;
}

// A request line can only come before the upgrade: no masked WebSocket frame begins so (RFC 6455 §5.2, opcode 7).
const REQUEST_LINE = /^GET \S*[?&]line=([\w-]+)[& ]/;

/**
 * A TCP line between gateway and bridge that can be cut, connection by connection. It is cut as a broken network does it:
 * with a reset and no close frame. A connection calls itself by the query parameter `line` of its request.
 */
export class Line {
  readonly #server: Server;
  readonly #wires = new Set<Wire>();
  #targetPort: number;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      this.#join(near);
    });
  }

  /** Listens on a free port of 127.0.0.1 and carries everything to another one. */
  static async open(targetPort: number): Promise<Line> {
    const line = new Line(targetPort);
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Leads new connections to another port of 127.0.0.1; the others stay where they are. */
  leadTo(targetPort: number): void {
    this.#targetPort = targetPort;
  }

  /** Resets the connections of this id. @returns how many */
  cut(id: string): number {
    const meant = [...this.#wires].filter((wire) => wire.id === id);
    for (const { ends } of meant) for (const end of ends) end.resetAndDestroy();
    return meant.length;
  }

  /** Stops listening and cuts everything. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const { ends } of this.#wires) for (const end of ends) end.destroy();
    await closed;
  }

  #join(near: Socket): void {
    const far = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const wire: Wire = { ends: [near, far], id: undefined };
    this.#wires.add(wire);
    near.setNoDelay();
    near.on('data', (chunk: Buffer) => {
      wire.id = REQUEST_LINE.exec(chunk.toString('latin1', 0, MAX_LINE_BYTES))?.[1] ?? wire.id;
    });
    near.pipe(far);
    far.pipe(near);
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      // An end that has a fault tells it by its close.
      end.on('error', () => undefined);
      end.on('close', () => {
        this.#wires.delete(wire);
        other.destroy();
      });
    }
  }
}

/** How much of a chunk may be its request line, in bytes: as much as nginx takes of one. */
const MAX_LINE_BYTES = 8_192;
