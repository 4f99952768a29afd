import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

interface Plugin {
  readonly name: string;
  readonly config: { readonly redis?: Readonly<Record<string, unknown>> };
}

interface Service {
  readonly plugins?: readonly Plugin[];
}

interface Declarative {
  readonly services: readonly Service[];
}

/**
 * The declarative configuration of `npm start`: kong.yml with the services of dev/page/kong.yml behind its own.
 * @param root the repository
 * @param redisPrefix before every name in Redis, as the bridge has it
 */
export function demoKongConfig(root: string, redisPrefix: string): string {
  const production = read(join(root, 'kong.yml'));
  const page = read(join(root, 'dev/page/kong.yml'));
  const services = [...production.services, ...page.services];
  return stringify({
    ...production,
    services: redisPrefix === '' ? services : services.map((service) => prefixed(service, redisPrefix)),
  });
}

function prefixed(service: Service, prefix: string): Service {
  const plugins = service.plugins?.map((plugin) =>
    plugin.name === 'ws-gatekeeper'
      ? { ...plugin, config: { ...plugin.config, redis: { ...plugin.config.redis, prefix } } }
      : plugin,
  );
  return { ...service, ...(plugins !== undefined && { plugins }) };
}

function read(path: string): Declarative {
  return parse(readFileSync(path, 'utf8')) as Declarative;
}
