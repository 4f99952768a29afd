import type { Peer } from '../peer';
import { channelPath } from './channel-of';
import { install, UWEBSOCKETS } from './installed';
import { nodeServer, peerEnvironment } from './node-server';

/** uWebSockets.js (C++) with ioredis: its own topics do the fan-out. */
export const uWebSockets: Peer = {
  name: 'uWebSockets.js + ioredis',
  prepare: () => install([UWEBSOCKETS]),
  start: (place) => nodeServer('bench/peers/uwebsockets-server.js', place, peerEnvironment(place)),
  client: ({ channel }) => Promise.resolve({ path: channelPath(channel), headers: {} }),
  publication: ({ channel }, payload) => [channel, Buffer.from(payload)],
};
