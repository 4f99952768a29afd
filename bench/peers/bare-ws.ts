import type { Peer } from '../peer';
import { nodeServer, peerEnvironment } from './node-server';
import { ASSERTION_SECRET, assertedHeaders } from './ws-bridge';

/** What an upgrade costs at least: ws, and the same assertion verified by the same call. It relays nothing. */
export const bareWs: Peer = {
  name: 'ws + jose, nothing else',
  prepare: () => Promise.resolve(undefined),
  start: (place) =>
    nodeServer('bench/peers/bare-ws-server.js', place, { ...peerEnvironment(place), ASSERTION_SECRET }),
  client: async (topic, number) => ({ path: topic.path, headers: await assertedHeaders(topic, number) }),
  publication: ({ channel }, payload) => [channel, Buffer.from(payload)],
};
