import type { Peer } from '../peer';
import { channelPath } from './channel-of';
import { install, load, NOTEPACK, SOCKET_IO, SOCKET_IO_REDIS_ADAPTER } from './installed';
import { nodeServer, peerEnvironment } from './node-server';

/** The part of notepack.io that is used. */
interface Notepack {
  encode(value: unknown): Buffer;
}

/** socket.io-parser's PacketType.EVENT. */
const EVENT = 2;

/** Socket.IO with its Redis adapter: services publish as its Redis emitter does, to a room. */
export const socketIo: Peer = {
  name: 'Socket.IO + Redis adapter',
  prepare: () => install([SOCKET_IO, SOCKET_IO_REDIS_ADAPTER, NOTEPACK]),
  start: (place) => nodeServer('bench/peers/socket-io-server.js', place, peerEnvironment(place)),
  client: ({ channel }) =>
    Promise.resolve({
      path: `${channelPath(channel, '/socket.io/')}&EIO=4&transport=websocket`,
      headers: {},
      // Engine.IO's and Socket.IO's own packets: connect, connected, ping, pong.
      dialogue: { hello: '40', ready: '40', ping: '2', pong: '3' },
    }),
  publication: ({ channel }, payload) => {
    const packet = { type: EVENT, data: ['message', payload], nsp: '/' };
    const message = ['emitter', packet, { rooms: [channel], except: [], flags: {} }];
    return [`socket.io#/#${channel}#`, (load('notepack.io') as Notepack).encode(message)];
  },
};
