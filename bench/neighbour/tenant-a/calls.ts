import type { Strength } from '../schedule';

/** Which part of an attack a process plays. */
export type Part = 'clients' | 'service';

/** One attack, for one phase. */
export interface AttackOrder {
  readonly attack: string;
  readonly part: Part;
  readonly strength: Strength;
  readonly port: number;
  readonly redisPort: number;
  /** In microseconds of `clockUs`. */
  readonly startUs: number;
  readonly endUs: number;
}

/** The acts of A: they show that an attack took place. */
export interface Deeds {
  readonly sockets: number;
  readonly refused: number;
  /** Sockets that the bridge closed. */
  readonly cut: number;
  /** Writes to the bridge, or to Redis, and their bytes. */
  readonly writes: number;
  readonly megabytes: number;
  /** Bytes that the bridge wrote to A. */
  readonly megabytesRead: number;
}

/** The calls of a process of tenant A. */
export interface TenantACalls {
  attack(order: AttackOrder): Promise<Deeds>;
}
