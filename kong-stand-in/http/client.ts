import { STATUS_CODES, ServerResponse, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Transform, type Duplex } from 'node:stream';
import type { Answer } from './answer';
import type { HeaderList } from '../lib/header-list';

/** The client of one request: what came from it, and the two ways to answer. */
export interface Client {
  readonly incoming: IncomingMessage;
  /** Aborted when the client's socket is gone. */
  readonly gone: AbortSignal;
  /** Sends an answer of the gateway itself. */
  answer(answer: Answer): void;
  /**
   * Relays an upstream's response.
   * @param buffered whether a little of its body may wait for more (nginx's `proxy_buffering`)
   */
  relay(response: IncomingMessage, headers: HeaderList, buffered: boolean): void;
  /** Whether it can become a tunnel. Node hands a socket over only where `Connection` names the upgrade, at which nginx does not look. */
  readonly canUpgrade: boolean;
  /** Becomes a tunnel: sends `101` and hands over the socket, or undefined when the client asked for no upgrade. */
  upgrade(headers: HeaderList): Duplex | undefined;
}

/** A client whose request is an ordinary one. */
export function httpClient(incoming: IncomingMessage, response: ServerResponse): Client {
  const gone = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  return { incoming, gone: gone.signal, ...responder(response), canUpgrade: false, upgrade: () => undefined };
}

/** A client that asked for an upgrade: its socket is no HTTP parser's any more. */
export function upgradeClient(incoming: IncomingMessage, socket: Socket, head: Buffer): Client {
  const gone = new AbortController();
  const early: Buffer[] = head.length > 0 ? [head] : [];
  const onData = (chunk: Buffer): void => void early.push(chunk);
  const onGone = (): void => {
    gone.abort();
  };
  socket
    .on('data', onData)
    .on('end', onGone)
    .on('close', onGone)
    .on('error', () => undefined);
  const response = new ServerResponse(incoming);
  response.shouldKeepAlive = false;
  response.on('finish', () => {
    socket.end(() => socket.destroy());
  });
  return {
    incoming,
    gone: gone.signal,
    canUpgrade: true,
    answer: (answer) => {
      response.assignSocket(socket);
      responder(response).answer(answer);
    },
    relay: (upstream, headers, buffered) => {
      response.assignSocket(socket);
      responder(response).relay(upstream, headers, buffered);
    },
    upgrade: (headers) => {
      socket.off('data', onData).off('end', onGone).off('close', onGone).pause();
      const lines = headers.lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}Connection: upgrade\r\n\r\n`, 'latin1');
      if (early.length > 0) socket.unshift(Buffer.concat(early));
      return socket;
    },
  };
}

function responder(response: ServerResponse): Pick<Client, 'answer' | 'relay'> {
  return {
    answer: ({ status, headers, body }) => {
      const list = headers.copy();
      if (list.first('Content-Length') === undefined) list.set('Content-Length', [String(body.length)]);
      response.writeHead(status, STATUS_CODES[status] ?? '', list.toRaw());
      response.end(body);
    },
    relay: (upstream, headers, buffered) => {
      response.writeHead(upstream.statusCode ?? 502, upstream.statusMessage ?? '', headers.toRaw());
      upstream.on('error', () => response.destroy());
      upstream.on('aborted', () => response.destroy());
      if (buffered) upstream.pipe(inBuffers()).pipe(response);
      else {
        response.flushHeaders();
        upstream.pipe(response);
      }
    },
  };
}

/** One page, as nginx has it (`proxy_buffers`). */
const BUFFER_BYTES = 4_096;

/** Passes bytes on once they fill a buffer, or are the last. */
function inBuffers(): Transform {
  let held = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      held = Buffer.concat([held, chunk]);
      const whole = held.length - (held.length % BUFFER_BYTES);
      const passed = held.subarray(0, whole);
      held = held.subarray(whole);
      done(null, passed);
    },
    flush(done) {
      done(null, held);
    },
  });
}
