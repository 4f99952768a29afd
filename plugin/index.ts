import { packageVersion } from '../stdio/package-version';
import { Configurations, IDLE_MS } from './configurations';
import { Gatekeeper } from './gatekeeper';
import type { Kong } from './kong';
import { log } from './lib/log';
import { readyFor } from './prepare';
import { SCHEMA } from './schema';

// Kong makes an instance a worker and a configuration: equal ones share what they need.
const configurations = new Configurations((raw) => readyFor(raw, log));
setInterval(() => {
  configurations.sweep();
}, IDLE_MS).unref();

/** The plugin in kong-pdk's form: what ws-gatekeeper serves and what kong-js-pluginserver can load as well. */
export class Plugin {
  readonly #gatekeeper: Gatekeeper;

  /** @param config as Kong hands it over; a faulty one refuses every upgrade with 500 */
  constructor(config: unknown) {
    this.#gatekeeper = new Gatekeeper(config, log, configurations);
  }

  /** Kong's access phase. */
  async access(kong: Kong): Promise<void> {
    await this.#gatekeeper.access(kong);
  }

  /** Kong has closed this instance. */
  close(): void {
    this.#gatekeeper.close();
  }
}

/** The plugin's name in Kong's configuration. */
export const Name = 'ws-gatekeeper';
/** Kong's configuration fields. */
export const Schema = SCHEMA;
/** This package's version. */
export const Version = packageVersion();
/** Below every bundled authentication plugin, above ip-restriction (990), acl (950) and rate-limiting (910). */
export const Priority = 1005;
/** The phases that Kong calls; `response` would buffer, `log` would cost a call a connection. */
export const Phases = ['access'] as const;
