import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { BridgeSocket } from './bridge-socket';
import type { FrameLimits } from './frame-reader';

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A handshake of RFC 6455 that is good, on its TCP connection. */
export interface GoodHandshake {
  readonly stream: Duplex;
  /** Bytes that came behind it. */
  readonly head: Buffer;
  /** Its Sec-WebSocket-Key. */
  readonly key: string;
}

/**
 * Answers 101, unless the client is gone by now. All that `onOpen` writes goes with it, in one write.
 * @param subprotocol that is agreed to
 * @param onOpen called with the socket, before this returns
 */
export function acceptUpgrade(
  { stream, head, key }: GoodHandshake,
  limits: FrameLimits,
  subprotocol: string | undefined,
  onOpen: (socket: BridgeSocket) => void,
): void {
  if (!stream.readable || !stream.writable) {
    stream.destroy();
    return;
  }
  stream.cork();
  try {
    stream.write(switchingProtocols(key, subprotocol));
    stream.unshift(head);
    onOpen(new BridgeSocket(stream, limits));
  } finally {
    stream.uncork();
  }
}

/** RFC 6455 §4.2.2. */
function switchingProtocols(key: string, subprotocol: string | undefined): string {
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  const agreed = subprotocol === undefined ? '' : `Sec-WebSocket-Protocol: ${subprotocol}\r\n`;
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n${agreed}\r\n`
  );
}
