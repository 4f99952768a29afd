import { Duplex } from 'node:stream';

/** A TCP connection whose other end nobody has: all that is written to it is written down. */
export class NotedSocket extends Duplex {
  readonly written: Buffer[] = [];

  override _read(): void {
    // Nothing comes.
  }
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }
  get text(): string {
    return Buffer.concat(this.written).toString('latin1');
  }
}
