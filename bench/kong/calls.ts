import type { Upgrade } from './worker';

/** The plugin server that Kong asks, and how. */
export interface Instance {
  readonly protocol: 'ProtoBuf' | 'MsgPack';
  readonly socketPath: string;
  readonly pluginName: string;
  /** JSON. */
  readonly config: string;
}

/** How hard a plugin server is asked. */
export interface Load {
  /** Asked about in turn. */
  readonly upgrades: readonly Upgrade[];
  /** Decisions that are waited for at any time. */
  readonly inFlight: number;
}

/** The outcome of a call. */
export interface Decisions {
  readonly decided: number;
  readonly refused: number;
  /** A decision, on average. */
  readonly pdkCalls: number;
  readonly arrivals: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The calls of the process that stands for Kong. */
export interface KongCalls {
  start(instance: Instance): Promise<void>;
  /** Asks for so many decisions that do not count: a server's code is compiled while it runs. */
  warmUp(load: Load & { readonly decisions: number }): Promise<Decisions>;
  /** Asks until then. @param load `endUs` by `clockUs` */
  storm(load: Load & { readonly endUs: number }): Promise<Decisions>;
  leave(nothing: undefined): Promise<void>;
}
