/** Where a gateway is started, and what is behind it. */
export interface GatewayPlace {
  /** The trial's, with a gatekeeper's socket in it. */
  readonly folder: string;
  readonly port: number;
  /** Its kong.yml. */
  readonly configFile: string;
  readonly socketPath: string;
  /** The plugin's description, for `query_cmd`. */
  readonly infoFile: string;
  /** The variables that kong.yml's `{vault://env/…}` names. */
  readonly env: Readonly<Record<string, string>>;
  readonly nodeFlags: readonly string[];
}

/** A server that may be several processes: its CPU time is that of `pid` and all that this one has started. */
export interface RunningGateway {
  readonly pid: number;
  readonly port: number;
  /** @throws Error when it has ended by itself */
  expectRunning(): void;
  stop(): Promise<void>;
}

/** A gateway that upgrades go through. */
export interface Gateway {
  /** As the tables call it. */
  readonly title: string;
  /** Whether it has Kong's own plugins. */
  readonly hasBundledPlugins: boolean;
  start(place: GatewayPlace): Promise<RunningGateway>;
}
