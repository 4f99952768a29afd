import { WebSocket } from 'ws';
import { connect, ConnectError, type BridgeClient } from 'ws-bridge-client';
import { visible } from '../../stdio/visible';
import { ResumeCounter } from './resume-counter';
import { printable } from '../http/upgrade-answer';

/** The arguments of `ws-bridge tail`. */
export interface TailOptions {
  /** `wss://gateway.example/ws/notifications` */
  readonly url: URL;
  readonly token: string;
  /** Where to go on: the resume point that an earlier tail said at its end. */
  readonly resume: string | undefined;
  /** Data frames, one a line; what they hold of control characters is made visible. */
  readonly out: (line: string) => void;
  /** Everything else, made visible in the same way. */
  readonly note: (line: string) => void;
}

/** A tail, from {@link startTail}. */
export interface Tail {
  /** Resolves with the exit code once it is over: 0 after stop(), 1 when the gateway or the bridge said so. */
  readonly ended: Promise<number>;
  /** Ends it, and notes the resume point. */
  stop(): void;
}

/** Whether it may be answered with 101 another time (RFC 9110 §15, RFC 6585 §4). */
function mayPass(status: number): boolean {
  return status >= 500 || [408, 425, 429].includes(status);
}

/** Failures of TLS, and a server that speaks no TLS: they stay. */
const LASTING_CODES = /^(?:ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/**
 * Whether trying again can make it better. No other try has another URL or token, and an error of ws without a code says
 * that what answers is no such server.
 */
function mayBeMended(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  if (error.status !== undefined) return mayPass(error.status);
  if (error.cause === undefined) return true;
  const { code } = error.cause as NodeJS.ErrnoException;
  return code !== undefined && !LASTING_CODES.test(code);
}

/** Prints what a route's clients get, over any number of reconnects. */
export function startTail({ url, token, resume, ...told }: TailOptions): Tail {
  // Frames, reasons and messages come from peers and servers that nobody vouches for.
  const out = (line: string): void => {
    told.out(visible(line));
  };
  const note = (line: string): void => {
    told.note(visible(line));
  };
  const point = new ResumeCounter();
  const address = new URL(url);
  if (resume !== undefined) address.searchParams.set('resume', resume);
  let finish: (code: number) => void;
  const ended = new Promise<number>((resolve) => {
    finish = resolve;
  });
  const end = (code: number): void => {
    if (point.text !== undefined) note(`-- to go on from here: --resume ${point.text}`);
    finish(code);
  };
  const giveUp = (): void => {
    client.close();
    end(1);
  };
  const client: BridgeClient = connect({
    url: address,
    token: () => token,
    WebSocket: tellingSocket(point, (code, reason) => {
      note(`-- closed: ${code} ${printable(reason)}`.trimEnd());
    }),
  });
  client.on('error', (error) => {
    note(`-- ${printable(error instanceof Error ? error.message : String(error))}`);
    if (!mayBeMended(error)) giveUp();
  });
  client.on('state', (state) => {
    note(
      `-- ${state}${state === 'open' && client.session !== undefined ? `, session ${client.session}` : ''}`,
    );
  });
  client.on('message', (message) => {
    out(typeof message === 'string' ? message : `-- ${message.byteLength} bytes: ${hex(message)}`);
  });
  client.on('gap', (gap) => {
    note(`-- gap (${gap.reason}): frames were lost or may have been`);
  });
  client.on('refused', ({ code, message }) => {
    note(`-- refused: ${code} ${message}`);
  });
  client.on('close', ({ code }) => {
    if (code === 1000) return;
    note(`-- not tried again: ${code} is for good`);
    end(1);
  });
  return {
    ended,
    stop: () => {
      client.close();
      end(0);
    },
  };
}

function hex(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString('hex');
}

/**
 * Sockets whose frames are counted, and that say how they ended.
 * @param closed told of one that was open, and that the other side or the network ended
 */
function tellingSocket(point: ResumeCounter, closed: (code: number, reason: string) => void) {
  return class TellingSocket extends WebSocket {
    #opened = false;

    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      this.on('open', () => {
        this.#opened = true;
      });
      this.on('message', (data, isBinary) => {
        point.take(this, data, isBinary);
      });
      this.on('close', (code, reason) => {
        if (this.#opened && !this.#dropped) closed(code, reason.toString());
      });
    }

    /** The client has done with it. */
    get #dropped(): boolean {
      return this.onclose === null;
    }
  };
}
