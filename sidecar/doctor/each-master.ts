import { Cluster } from 'ioredis';
import { keySlot, SLOT_COUNT } from '../../redis/key-slot';
import type { Commands } from '../../redis/options';
import { askView, mergeViews, type SlotMap } from '../pubsub/slot-map';

/** In the place of a tenant, a user, a session or a document: nobody has this name. */
const NOBODY = 'ws-bridge doctor';

/** Names in Redis of nobody's, all in one slot. */
export interface NobodysNames {
  readonly names: readonly string[];
  /** The master that serves them, as `host:port`; undefined outside a cluster. */
  readonly master: string | undefined;
}

/** Which master serves each slot; undefined outside a cluster. @throws Error when nobody serves one */
export async function masterMap(commands: Commands): Promise<SlotMap | undefined> {
  if (!(commands instanceof Cluster)) return undefined;
  const map = mergeViews(await Promise.all(commands.nodes('master').map(askView)));
  if (map.includes(undefined)) throw new Error('the cluster has slots that nobody serves');
  return map;
}

/**
 * Names of nobody's at each master that can have some: each has users of its own.
 * @param namesOf the names for the one who is nobody
 */
export function atEachMaster(
  map: SlotMap | undefined,
  namesOf: (nobody: string) => readonly string[],
): readonly NobodysNames[] {
  if (map === undefined) return [{ names: namesOf(NOBODY), master: undefined }];
  const masters = new Set(map).size;
  const found = new Map<string | undefined, NobodysNames>();
  for (let tried = 0; tried < SLOT_COUNT && found.size < masters; tried += 1) {
    const names = namesOf(`${NOBODY} ${tried}`);
    const master = map[keySlot(names[0] ?? '')];
    if (!found.has(master)) found.set(master, { names, master });
  }
  return [...found.values()];
}
