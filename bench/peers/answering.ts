import type { Peer } from '../peer';
import { nodeServer, peerEnvironment } from './node-server';

/** An upstream that answers 200 to whatever is asked. */
export const answering: Pick<Peer, 'start'> = {
  start: (place) => nodeServer('bench/peers/answering-server.js', place, peerEnvironment(place)),
};
