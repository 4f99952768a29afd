import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { SHARED, startKongStack } from './kong-stack';
import { KONG_LOG_FILE, ROOT, type Stack, type StackOptions, type StackPlan } from './stack';
import { startStandInStack } from './stand-in-stack';

const onKong = process.env['GATEWAY'] === 'kong';

/** Starts the stack on the gateway that the environment variable GATEWAY names: `stand-in` (default) or `kong`. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), 'ws-e2e-'));
  const configFile = join(folder, 'kong.yml');
  writeFileSync(configFile, stringify(configuration(options)));
  const plan: StackPlan = {
    folder,
    configFile,
    routesFile: copiedRoutes(options, folder),
    bridges: options.bridges ?? 1,
    bridgeEnv: options.bridgeEnv ?? {},
    stockServer: options.pluginServer === 'kong-js-pluginserver',
    authorizationService: options.authorizationService ?? false,
    pluginServerTimeoutMs: options.pluginServerTimeoutMs ?? 60_000,
  };
  const stack = await (onKong ? startKongStack(plan) : startStandInStack(plan));
  return {
    ...stack,
    reconfigure(config) {
      const changed = configuration({ ...options, config: { ...options.config, ...config } });
      writeFileSync(configFile, stringify(changed));
      return stack.reload();
    },
  };
}

/** The part of kong.yml that a spec may change. */
export interface Declarative {
  consumers?: readonly object[];
  services: {
    name?: string;
    url?: string;
    routes: { name: string; paths?: readonly string[]; [field: string]: unknown; plugins?: unknown[] }[];
    plugins: { name: string; config: Record<string, unknown> }[];
  }[];
}

/** kong.yml with a spec's changes. */
export function configuration({
  example,
  config,
  routeConfigs = {},
  detours = [],
  routePlugins = {},
  consumers,
  kongLog = false,
}: StackOptions): Declarative {
  const folder = example === undefined ? ROOT : join(ROOT, 'examples', example);
  const declarative = parse(readFileSync(join(folder, 'kong.yml'), 'utf8')) as Declarative;
  const [service] = declarative.services;
  const [plugin] = service?.plugins ?? [];
  if (service === undefined || plugin === undefined) throw new Error('kong.yml has no service with a plugin');
  // A noisy machine must not look like a Redis that is away.
  const patient = {
    redis: { ...(plugin.config['redis'] as object), timeout: 10_000 },
    decision_timeout: 20_000,
  };
  Object.assign(plugin.config, patient, config);
  for (const route of service.routes) {
    const own = routeConfigs[route.name];
    if (own !== undefined) route.plugins = [{ name: plugin.name, config: { ...plugin.config, ...own } }];
    if (onKong) route.plugins = [...(route.plugins ?? []), ...(routePlugins[route.name] ?? [])];
  }
  if (consumers !== undefined) declarative.consumers = consumers;
  for (const { name, paths, stripPath, servicePath = '', unbuffered = false, guarded } of detours) {
    const buffering = { request_buffering: !unbuffered, response_buffering: !unbuffered };
    declarative.services.push({
      ...service,
      name,
      url: `${service.url ?? ''}${servicePath}`,
      routes: [{ name, paths, strip_path: stripPath, ...buffering }],
      plugins: guarded ? [plugin] : [],
    });
  }
  if (kongLog && onKong)
    service.plugins.push({ name: 'file-log', config: { path: `${SHARED}/${KONG_LOG_FILE}`, reopen: true } });
  return declarative;
}

function copiedRoutes({ example, routes }: StackOptions, folder: string): string | undefined {
  const name = 'routes.json';
  if (routes !== undefined) {
    writeFileSync(join(folder, name), JSON.stringify({ routes }));
    return name;
  }
  if (example === undefined) return undefined;
  copyFileSync(join(ROOT, 'examples', example, name), join(folder, name));
  return name;
}
