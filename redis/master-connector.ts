import { NodeConnector } from './node-connector';

/**
 * Opens the sockets to one Redis and takes none to a replica: that one would take a PUBLISH and tell nobody at the master.
 * Behind an address that leads to whichever server is the master, a later attempt finds it.
 */
export class MasterConnector extends NodeConnector {
  override check(info: { readonly role?: string }): boolean {
    if (info.role !== 'slave') return true;
    this.stream.destroy(new Error('it is a replica, expected the master'));
    return false;
  }
}
