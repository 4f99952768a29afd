import { parse, stringify } from 'yaml';
import { OUT_OF_REACH } from '../plugin-servers/config';

interface Declarative {
  readonly services: readonly {
    url: string;
    readonly plugins: readonly { readonly config: Record<string, unknown> }[];
  }[];
}

/** Where a gateway finds them on 127.0.0.1. */
export interface PathPorts {
  readonly upstream: number;
  readonly redis: number;
}

/**
 * kong.yml with the bridge elsewhere and limits that nobody reaches, counted in Redis all the same.
 * @param text the repository's
 */
export function pathConfig(text: string, { upstream }: PathPorts): string {
  const declarative = parse(text) as Declarative;
  const [service] = declarative.services;
  const [plugin] = service?.plugins ?? [];
  if (service === undefined || plugin === undefined) throw new Error('kong.yml has no service with a plugin');
  service.url = `http://127.0.0.1:${upstream}`;
  plugin.config['rate_limits'] = [OUT_OF_REACH];
  return stringify(declarative);
}
