import type { Peer } from '../peer';
import { nodeServer, peerEnvironment } from './node-server';
import { ASSERTION_SECRET, assertedHeaders } from './ws-bridge';

/** Who verifies the assertion: jose, as one would write it, or the bridge's own code, which is quicker. */
export type Verifier = 'jose' | 'bridge';

/** The least that an upgrade costs: ws, and the same assertion verified. It relays nothing and asks no Redis. */
export const bareWs = (verifier: Verifier): Peer => ({
  name: `ws, assertion verified by ${verifier}`,
  prepare: () => Promise.resolve(undefined),
  start: (place) =>
    nodeServer('bench/peers/bare-ws-server.js', place, {
      ...peerEnvironment(place),
      ASSERTION_SECRET,
      VERIFIER: verifier,
    }),
  client: async (topic, number) => ({ path: topic.path, headers: await assertedHeaders(topic, number) }),
  publication: ({ channel }, payload) => [channel, Buffer.from(payload)],
});
