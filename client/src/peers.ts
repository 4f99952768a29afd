import type { PeersFrame } from '../../protocol/frames.ts';
import { overheard, type MessageLike } from './overheard.ts';
import type { WebSocketConstructor, WebSocketLike } from './web-socket.ts';

/** Who is at a document: ids of users, and how many connections there are. */
export type Peers = PeersFrame['data'];

/** The text of every list begins so (PROTOCOL.md §5). */
const BEGINNING = '{"type":"bridge.peers"';

/**
 * A constructor of sockets for the client's option `WebSocket`. It tells who is at the document, when the connection is open and on each
 * change. The bridge's route needs `peers` (PROTOCOL.md §13). A list is that of its connection: while there is none, it is out of date.
 * @param told gets each list
 * @param WebSocket what makes the sockets, such as that of `ws` or `httpFallback()`; `globalThis.WebSocket` by default
 * @example
 * connect({ url, path, token, WebSocket: tellPeers(({ users, count }) => show(users, count)) });
 */
export function tellPeers(
  told: (peers: Peers) => void,
  WebSocket = (globalThis as { readonly WebSocket?: WebSocketConstructor }).WebSocket,
): WebSocketConstructor {
  if (!WebSocket) throw new TypeError('no WebSocket: pass one');
  const take = ({ data }: MessageLike): void => {
    const peers = peersOf(data);
    if (peers) told(peers);
  };
  const Socket = function (url: string, protocols: string[]): WebSocketLike {
    const socket = new WebSocket(url, protocols);
    overheard(socket, take);
    return socket;
  };
  // A constructor that returns an object gives that one.
  return Object.assign(Socket as unknown as WebSocketConstructor, { ended: () => WebSocket.ended?.() });
}

/** @returns undefined for any other message, and for a list that cannot be read */
function peersOf(data: unknown): Peers | undefined {
  if (typeof data !== 'string' || !data.startsWith(BEGINNING)) return undefined;
  try {
    const { type, data: peers } = JSON.parse(data) as {
      readonly type: unknown;
      readonly data: Partial<Peers>;
    };
    const { users, count } = peers;
    if (type !== 'bridge.peers' || !Array.isArray(users) || !Number.isSafeInteger(count)) return undefined;
    return users.every((user) => typeof user === 'string') ? (peers as Peers) : undefined;
  } catch {
    return undefined;
  }
}
