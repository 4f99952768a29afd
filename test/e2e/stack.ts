import { join } from 'node:path';
import type { Redis } from 'ioredis';

/** The repository's root. */
export const ROOT = join(__dirname, '../..');

/** The secrets that both gateways are started with. */
export const SECRETS = {
  JWT_SECRET: 'end-to-end token secret, at least 32 bytes',
  ASSERTION_SECRET: 'end-to-end assertion secret, over 32 bytes',
  OPA_KEY: 'end-to-end key of the policies',
};

/** The plugin server's process or container, to be hurt. */
export interface PluginServerControl {
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Stops it from running without ending it. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Starts one again after kill(). */
  start(): Promise<void>;
  /** Starts a new one, and tells the old one to stop once the new one listens. */
  restart(): Promise<void>;
}

/** The whole path: gateway, plugin server, bridge, Redis. */
export interface Stack {
  readonly gateway: 'stand-in' | 'kong';
  /** ws://… of the gateway. */
  readonly url: string;
  readonly redis: Redis;
  /** http://… of the authorization service, as the plugin server reaches it; undefined where there is none. */
  readonly authorizationUrl: string | undefined;
  readonly pluginServer: PluginServerControl;
  /** Makes the gateway read its configuration again, as `kong reload` does. */
  reload(): Promise<void>;
  /** Changes the plugin's configuration on top of what the stack was started with, and reloads. */
  reconfigure(config: Readonly<Record<string, unknown>>): Promise<void>;
  /** Stops one bridge as an orchestrator does, with SIGTERM; resolves once it has ended. */
  drainBridge(): Promise<void>;
  /** The first bridge's counter of upgrades, by outcome. */
  bridgeUpgrades(): Promise<Record<string, number>>;
  /** The gateway's log plugin's entry of each request that is over, where {@link StackOptions.kongLog} asked for it. */
  kongLog(): Promise<readonly KongLogEntry[]>;
  /** Everything that the bridge and the plugin server logged. */
  logs(): Promise<string>;
  stop(): Promise<void>;
}

/** The part of a log plugin's entry that specs look at. */
export interface KongLogEntry {
  readonly request: { readonly uri: string; readonly headers: Readonly<Record<string, unknown>> };
  readonly response: { readonly status: number };
  readonly consumer?: Readonly<Record<string, unknown>>;
  readonly authenticated_entity?: Readonly<Record<string, unknown>>;
  readonly ws_gatekeeper?: Readonly<Record<string, string>>;
}

/** The choices of a spec. */
export interface StackOptions {
  /** Default: ours. */
  readonly pluginServer?: 'ws-gatekeeper' | 'kong-js-pluginserver';
  /** The bridge's routes. Default: the built-in ones, or those of the example. */
  readonly routes?: readonly object[];
  /** Whether there is an authorization service; not, by default. */
  readonly authorizationService?: boolean;
  /** A folder of examples/ whose kong.yml and routes.json hold in place of the repository's. */
  readonly example?: string;
  /** Changes to the plugin's configuration in kong.yml. */
  readonly config?: Record<string, unknown>;
  /** How many bridges there are, behind one name; 1 by default. */
  readonly bridges?: number;
  /** Additions to the bridge's environment. */
  readonly bridgeEnv?: Readonly<Record<string, string>>;
  /** Configurations of their own for some of kong.yml's routes, by name: changes to the service's. */
  readonly routeConfigs?: Readonly<Record<string, Record<string, unknown>>>;
  /** Plugins beside ours on some of kong.yml's routes, by name. Real Kong only: the stand-in runs none but ours. */
  readonly routePlugins?: Readonly<Record<string, readonly object[]>>;
  /** Consumers of Kong's. */
  readonly consumers?: readonly Readonly<Record<string, unknown>>[];
  /** Whether a log plugin writes what was requested; not, by default. */
  readonly kongLog?: boolean;
  /** Further routes to the bridge, each with a service of its own. */
  readonly detours?: readonly Detour[];
  /** How long the gateway waits for a hung plugin server; real Kong's 60 seconds cannot be changed. */
  readonly pluginServerTimeoutMs?: number;
}

/** A route to the bridge other than kong.yml's. */
export interface Detour {
  readonly name: string;
  readonly paths: readonly string[];
  readonly stripPath: boolean;
  /** The service's, which Kong puts before what is left of the request's. */
  readonly servicePath?: string;
  /** Whether Kong passes bodies on unbuffered, which it does from a location of its own; not, by default. */
  readonly unbuffered?: boolean;
  /** Whether the gatekeeper judges what comes this way. */
  readonly guarded: boolean;
}

/** Where a log plugin of Kong's writes, in the stack's folder. */
export const KONG_LOG_FILE = 'kong-log.jsonl';

/** Where a stand-in of the Open Policy Agent is started from, and where it answers. */
export const OPA_STAND_IN = join(ROOT, 'test/fixtures/opa-stand-in.cjs');
export const OPA_PATH = '/v1/data/ws/decision';

/** How many workers the gatekeeper has in every stack; the environment variable WORKERS says otherwise. */
export const WORKERS = process.env['WORKERS'] ?? '1';
/** How many the bridge has; BRIDGE_WORKERS says otherwise. */
export const BRIDGE_WORKERS = process.env['BRIDGE_WORKERS'] ?? '1';

/** The plan from which both kinds of stack are made. */
export interface StackPlan {
  /** A folder for this stack alone: socket, plugin info, configuration. Reachable by any user. */
  readonly folder: string;
  readonly configFile: string;
  /** The bridge's, by its name in `folder`; undefined for the built-in routes. */
  readonly routesFile: string | undefined;
  readonly bridges: number;
  readonly bridgeEnv: Readonly<Record<string, string>>;
  readonly stockServer: boolean;
  readonly authorizationService: boolean;
  readonly pluginServerTimeoutMs: number;
}

/** Reads the bridge's counter of upgrades from its metrics page. */
export async function bridgeUpgrades(adminUrl: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const counts: Record<string, number> = {};
  for (const [, labels, value] of text.matchAll(/^ws_bridge_upgrades_total\{(.*)\} (\d+)$/gm)) {
    const outcome = /outcome="([^"]+)"/.exec(labels ?? '')?.[1] ?? '';
    counts[outcome] = (counts[outcome] ?? 0) + Number(value);
  }
  return counts;
}

/** Everything that was logged may be read by people who must not be able to connect. @throws when a secret is in it */
export function requireNoSecrets(logs: readonly string[]): void {
  const leak = logs.find((line) => /eyJ[\w-]+\.|bearer|end-to-end/i.test(line));
  if (leak !== undefined) throw new Error(`a token or a secret was logged: ${leak}`);
}
