import type { Logger } from 'pino';
import type { PluginInstance } from './instances';

/** Makes the instance for a configuration as Kong writes it. Never throws. */
export type InstanceMaker = (config: string) => PluginInstance;

/**
 * A maker whose instances refuse every upgrade when they cannot even be started. A closed connection would be repeated, and ends in
 * 500 as well.
 * @param start makes the plugin for a configuration; a faulty one is the instance's to refuse
 */
export function instanceMaker(start: (config: unknown) => PluginInstance, log: Logger): InstanceMaker {
  return (config) => {
    try {
      return start(parseJson(config));
    } catch (cause) {
      log.error({ err: cause }, 'an instance could not be started');
      return { access: () => Promise.reject(new Error('it could not be started')) };
    }
  };
}

/** A configuration that is not JSON is handed on as undefined, for the plugin to refuse. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
