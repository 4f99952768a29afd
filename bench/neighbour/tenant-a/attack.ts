import type { RouteEntry } from '../../../sidecar/routes/route';
import type { Arena } from './arena';

/** Something that tenant A does to a bridge, within its limits and beyond them. */
export interface Attack {
  readonly name: string;
  /** In one line. */
  readonly does: string;
  /** Arguments of its redis-server. */
  readonly redis?: readonly string[];
  /** The bridge's routes; the built-in ones by default. */
  readonly routes?: readonly RouteEntry[];
  /** The acts of A's clients, until the arena is over. */
  readonly clients: (arena: Arena) => Promise<void>;
  /** The acts meanwhile of a service that publishes to A. */
  readonly service?: (arena: Arena) => Promise<void>;
}
