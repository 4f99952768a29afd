/** The request headers of an upgrade: the rest of it is the same for all. */
export type Upgrade = Readonly<Record<string, string>>;

/** The cost of a decision. */
export interface Decided {
  readonly admitted: boolean;
  /** PDK calls that the server made. */
  readonly calls: number;
  /** How often the server's bytes arrived: it had been waited for each time. */
  readonly arrivals: number;
}

/** One of Kong's workers, as far as a plugin server sees it. */
export interface KongWorker {
  /** Starts the plugin's instance. @param config as JSON */
  start(pluginName: string, config: string): Promise<void>;
  /** Has one upgrade decided. */
  decide(upgrade: Upgrade): Promise<Decided>;
  close(): void;
}

/** Where every upgrade of the bench goes: what Kong says of its variable `upstream_uri`. */
export const UPSTREAM_PATH = '/ws/notifications';
