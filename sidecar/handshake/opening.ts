import type { Duplex } from 'node:stream';
import type { Admission } from '../connection/admission';
import type { Connection } from '../connection/connection';
import type { ClientSocket, FrameStream } from '../fanout/client-socket';
import type { Refusal } from '../http/refusal';
import type { Transport } from '../metrics/outcomes';
import type { UpgradeRequest } from './upgrade-request';

/** Serves an open socket. */
export type Serve = (socket: ClientSocket, stream: FrameStream) => void;

/** A request for a connection that is being decided, and its answers by the request's transport. */
export interface Opening {
  readonly transport: Transport;
  readonly request: UpgradeRequest;
  /** The TCP connection that it came on. */
  readonly socket: Duplex;
  /**
   * Admits it, unless the client is gone by now.
   * @param serve called with the socket, before this returns
   * @returns why it cannot be admitted
   */
  admit(admission: Admission, connection: Connection, serve: Serve): Refusal | undefined;
  refuse(refusal: Refusal): void;
  /**
   * Tells a client of a 403 that cannot read an answer.
   * @returns whether it was told
   */
  forbid(admission: Pick<Admission, 'route'>, message: string): boolean;
}
