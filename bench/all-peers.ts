import type { Peer } from './peer';
import { naive } from './peers/naive';
import { nchan } from './peers/nchan';
import { socketIo } from './peers/socket-io';
import { uWebSockets } from './peers/uwebsockets';
import { wsBridge } from './peers/ws-bridge';
import { progress } from './report';

/** Everybody who relays frames, by the name that `--peers` takes. */
const PEERS: Readonly<Record<string, Peer>> = {
  plain: wsBridge('plain'),
  v1: wsBridge('bridge.v1'),
  http: wsBridge('http'),
  uws: uWebSockets,
  naive,
  socketio: socketIo,
  nchan,
};

export const PEER_NAMES = Object.keys(PEERS);

/** Those of the names that can be measured here; says why of each that cannot. */
export async function availablePeers(names: readonly string[]): Promise<readonly Peer[]> {
  const available: Peer[] = [];
  for (const name of names) {
    const peer = PEERS[name];
    if (peer === undefined) throw new RangeError(`expected peers of ${PEER_NAMES.join(', ')}, got "${name}"`);
    const reason = await peer.prepare();
    if (reason === undefined) available.push(peer);
    else progress(`${peer.name} is left out: ${reason}`);
  }
  return available;
}
