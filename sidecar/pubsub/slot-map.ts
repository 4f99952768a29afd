import type { Redis } from 'ioredis';
import { SLOT_COUNT } from '../../redis/key-slot';
import { addressText, type Address } from '../../redis/url';

/** One node's word on who serves which slots. */
export interface ClusterView {
  readonly ranges: readonly SlotRange[];
  /** The configuration epoch of each node, by its id. */
  readonly epochs: ReadonlyMap<string, number>;
}

/** Slots from `first` to `last`, both included, and the master that serves them. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly masterId: string;
  readonly address: Address;
}

/** Which master serves each slot: its address as `host:port`, undefined for a slot that nobody serves. */
export type SlotMap = readonly (string | undefined)[];

/**
 * One map out of what several nodes say. They learn of a failover or a moved slot one after the other. The claim with
 * the greatest configuration epoch is the newest (Redis Cluster specification, "Hash slots configuration propagation").
 * So a node that is cut off from the others is not believed.
 */
export function mergeViews(views: readonly ClusterView[]): SlotMap {
  const owners = new Array<string | undefined>(SLOT_COUNT).fill(undefined);
  const epochs = new Float64Array(SLOT_COUNT).fill(-1);
  for (const view of views) {
    for (const { first, last, masterId, address } of view.ranges) {
      const epoch = view.epochs.get(masterId) ?? 0;
      for (let slot = first; slot <= last; slot += 1) {
        if (epoch <= (epochs[slot] ?? 0)) continue;
        epochs[slot] = epoch;
        owners[slot] = addressText(address);
      }
    }
  }
  return owners;
}

/** A map with those of before for the slots that nobody claims, where the master that had one says nothing. */
export function filledUp(map: SlotMap, before: SlotMap, silent: ReadonlySet<string>): SlotMap {
  return map.map((owner, slot) => {
    const former = before[slot] ?? '';
    return owner ?? (silent.has(former) ? former : undefined);
  });
}

/** The address that {@link addressText} wrote. */
export function parseAddress(text: string): Address {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

/** Asks a node for its view. */
export async function askView(node: Redis): Promise<ClusterView> {
  const [rows, nodes] = await Promise.all([node.cluster('SLOTS'), node.cluster('NODES')]);
  const ranges = rows.flatMap(([first, last, master]) => {
    if (master === undefined) return [];
    const [host, port, masterId] = master as unknown as [string | null, number, string];
    // A node that does not know its own address leaves it out (CLUSTER SLOTS): it is the one that was asked.
    const address = { host: host === null || host === '' ? (node.options.host ?? '') : host, port };
    return [{ first, last, masterId, address }];
  });
  return { ranges, epochs: parseEpochs(nodes as string) };
}

/** The seventh field of a line of CLUSTER NODES is its node's configuration epoch. */
function parseEpochs(text: string): ReadonlyMap<string, number> {
  const rows = text.split('\n').map((line) => line.split(' '));
  return new Map(rows.map(([id = '', , , , , , epoch]) => [id, Number(epoch)]));
}
