import type { CloseCode } from '../../protocol/close-codes';
import type { SocketEnd } from './may-return';

/** How much a client may still send once it is closed, before its close frame, in bytes: the rest is not read. */
export const CLOSE_ALLOWANCE_BYTES = 1_048_576;

/** The end of a connection, as far as it is known: whether it has begun, why, and how much its client sends after that. */
export class Ending {
  #isBegun = false;
  #closedWith: CloseCode | undefined;
  #isRevoked = false;
  #fault: number | undefined;
  #bytesSince = 0;

  /** Whether it is closed as soon as there is time for it: nothing comes in or goes out any more. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  /** The code with which the bridge closes it; undefined when it does not. */
  get closedWith(): CloseCode | undefined {
    return this.#closedWith;
  }

  /** The code with which it is closed for a fault of its client's. */
  get fault(): number | undefined {
    return this.#fault;
  }

  /** Whether the client is read from. One that only goes on sending is not, until its time for the closing handshake is over. */
  get isReadable(): boolean {
    return this.#bytesSince <= CLOSE_ALLOWANCE_BYTES;
  }

  begin(): void {
    this.#isBegun = true;
  }

  /** The bridge closes it. */
  closes(code: CloseCode): void {
    this.#closedWith = code;
  }

  /** A right of its user's was revoked. */
  revoked(): void {
    this.#isRevoked = true;
  }

  /** Its client broke a rule of frames. One that is told to go has its reason. */
  faulted(code: number): void {
    if (!this.#isBegun) this.#fault = code;
  }

  /** The client sent so many bytes after it began. */
  read(bytes: number): void {
    this.#bytesSince += bytes;
  }

  /** @param code of the socket that is closed now, which lived for so long */
  at(code: number, livedMs: number): SocketEnd {
    const [closedWith, isRevoked, isAtFault] = [this.#closedWith, this.#isRevoked, this.#fault !== undefined];
    return { closedWith, code, isRevoked, isAtFault, livedMs };
  }
}
