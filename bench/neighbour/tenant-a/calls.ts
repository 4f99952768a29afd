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

/** What A did: it shows that an attack took place. */
export interface Deeds {
  readonly sockets: number;
  readonly refused: number;
  /** Sockets that the bridge closed. */
  readonly cut: number;
  /** What was written to the bridge, or to Redis. */
  readonly writes: number;
  readonly megabytes: number;
  /** What the bridge wrote to A. */
  readonly megabytesRead: number;
}

/** What a process of tenant A does when it is called. */
export interface TenantACalls {
  attack(order: AttackOrder): Promise<Deeds>;
}
