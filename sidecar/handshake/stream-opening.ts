import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { queryValues } from '../../protocol/query';
import type { Admission } from '../connection/admission';
import type { Connection } from '../connection/connection';
import type { StreamBeginning } from '../fanout/event-encoding';
import { EventStream } from '../fanout/event-stream';
import { badRequest, respond, type Refusal } from '../http/refusal';
import type { Opening, Serve } from './opening';
import type { UpgradeRequest, UpgradeRequestReader } from './upgrade-request';

/** Behind an answer that is not over it would have no socket, and nobody could end it. */
const BEHIND_ANOTHER = badRequest('expected the answer to the request before it on this connection');

/** A request for an event stream. */
export class StreamOpening implements Opening {
  readonly transport = 'http';
  readonly request: UpgradeRequest;
  readonly socket: Duplex;
  readonly #response: ServerResponse;
  readonly #random: () => number;

  /** @param random from 0 on and below 1 */
  constructor(
    message: IncomingMessage,
    response: ServerResponse,
    read: UpgradeRequestReader,
    random: () => number,
  ) {
    this.request = read(message, 'http');
    this.socket = message.socket;
    this.#response = response;
    this.#random = random;
  }

  admit(admission: Admission, _connection: Connection, serve: Serve): Refusal | undefined {
    if (this.socket.destroyed || !this.socket.writable) return undefined;
    if (this.#response.socket === null) return BEHIND_ANOTHER;
    const stream = new EventStream(this.#response, beginningOf(admission, this.request), this.#random);
    serve(stream, stream.stream);
    return undefined;
  }

  refuse(refusal: Refusal): void {
    respond(this.#response, refusal);
  }

  /** Every client can read the answer. */
  forbid(): false {
    return false;
  }
}

function beginningOf({ route, session, bridgeV1 }: Admission, { query }: UpgradeRequest): StreamBeginning {
  const { from, lacksState = false } = bridgeV1 ?? {};
  return {
    resumes: from !== undefined,
    session: queryValues(query, 'session').length > 0 ? undefined : session,
    lacksState: route.initial !== undefined && (from === undefined || lacksState),
  };
}
