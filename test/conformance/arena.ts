import { headersFor } from '../sidecar/fixture';
import { RawPeer } from './raw-peer';
import type { Arena } from './run-case';

const PATH = '/ws/collaboration/conformance';

/** Opens a document on a bridge, without a gateway: its clients bring assertions. */
export async function openArena(url: string, subprotocol?: string): Promise<Arena> {
  const port = Number(new URL(url).port);
  const open = async (user: string): Promise<RawPeer> => {
    const headers = await headersFor({ tenant: 'acme', user, path: PATH });
    const offered = subprotocol === undefined ? {} : { 'Sec-WebSocket-Protocol': subprotocol };
    return RawPeer.open({ port, path: PATH, headers: { ...headers, ...offered } });
  };
  return { open, listener: await open('listener'), marker: await open('marker') };
}
