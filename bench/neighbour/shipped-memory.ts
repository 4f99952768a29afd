import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../peers/node-server';

const MANIFEST = 'deploy/kubernetes/bridge.yaml';
const CONTAINER = 'ws-bridge';

/** The memory that the deployment files give a bridge's container, in bytes. */
export function shippedMemoryBytes(): number {
  return memoryLimitOf(readFileSync(join(ROOT, MANIFEST), 'utf8'), CONTAINER);
}

/**
 * Reads `resources.limits.memory` of a container from manifests of Kubernetes.
 * @throws Error when none of them has it
 */
export function memoryLimitOf(manifests: string, container: string): number {
  const memory = parseAllDocuments(manifests)
    .flatMap((document) => containersOf(document.toJS() as Manifest | null))
    .find(({ name }) => name === container)?.resources?.limits?.memory;
  if (memory === undefined)
    throw new Error(`expected a memory limit of container "${container}", found none`);
  return parseMebibytes(memory);
}

interface Container {
  readonly name: string;
  readonly resources?: { readonly limits?: { readonly memory?: string } };
}

interface Manifest {
  readonly spec?: { readonly template?: { readonly spec?: { readonly containers?: readonly Container[] } } };
}

function containersOf(manifest: Manifest | null): readonly Container[] {
  return manifest?.spec?.template?.spec?.containers ?? [];
}

function parseMebibytes(quantity: string): number {
  const match = /^(\d+)(Mi|Gi)$/.exec(quantity);
  if (match === null) throw new Error(`expected a quantity in Mi or Gi, got "${quantity}"`);
  return Number(match[1]) * (match[2] === 'Gi' ? 2 ** 30 : 2 ** 20);
}
