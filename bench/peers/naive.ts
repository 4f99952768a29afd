import type { Peer } from '../peer';
import { channelPath } from './channel-of';
import { nodeServer, peerEnvironment } from './node-server';

/** A first try: ws and ioredis, one `send` a frame, nobody is asked who he is. */
export const naive: Peer = {
  name: 'ws + ioredis',
  prepare: () => Promise.resolve(undefined),
  start: (place) => nodeServer('bench/peers/naive-server.js', place, peerEnvironment(place)),
  client: ({ channel }) => Promise.resolve({ path: channelPath(channel), headers: {} }),
  publication: ({ channel }, payload) => [channel, Buffer.from(payload)],
};
