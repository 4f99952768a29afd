/** How workers are to serve. */
export interface WorkerSettings {
  /** The name that all workers listen on. */
  readonly socketName: string;
  readonly metricsMaxTenants: number;
  /** Whether somebody asks for metrics. */
  readonly hasMetrics: boolean;
}

/** A message from a worker to its primary. */
export type ToPrimary =
  /** Asks for an id for a configuration. */
  | { readonly type: 'start'; readonly ask: number; readonly config: string }
  /** Asks for the configuration of an id. */
  | { readonly type: 'find'; readonly ask: number; readonly id: number }
  /** Kong has closed this instance. */
  | { readonly type: 'remove'; readonly id: number };

/** A message from the primary to a worker. */
export type ToWorker = InstanceMessage | { readonly type: 'stop'; readonly timeoutMs: number };

/** Those of them about instances. */
export type InstanceMessage =
  /** The answer to `start` and `find`; without a configuration when no such id was given out. */
  | {
      readonly type: 'instance';
      readonly ask: number;
      readonly id: number;
      readonly config: string | undefined;
    }
  /** Kong has closed this instance, at another worker. */
  | { readonly type: 'removed'; readonly id: number };
