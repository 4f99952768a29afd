import { join } from 'node:path';
import { describe } from '@jest/globals';
import { PackageFolder } from '../../bench/peers/package-folder';

/** Packages of others that tests are held to, and that nothing here depends on. */
export const PEERS = new PackageFolder(join(__dirname, '../../.peers'), [
  '@ag-ui/core@1.0.0',
  '@ag-ui/client@1.0.0',
  '@durable-streams/server-conformance-tests@0.3.6',
]);

const isWanted = process.env['PEER_PACKAGES'] === 'install';

/** Tests that need {@link PEERS}. Installing them asks the registry for a hundred packages, so that happens only when it is asked for. */
export function describeWithPeers(title: string, tests: () => void): void {
  if (isWanted) describe(title, tests);
  else describe.skip(`${title} (skipped: npm run test:peers installs the packages of others)`, tests);
}

/** @throws Error when they cannot be installed */
export async function installPeers(): Promise<void> {
  const fault = await PEERS.install();
  if (fault !== undefined) throw new Error(fault);
}
