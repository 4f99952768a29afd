import { join } from 'node:path';
import type { Instance } from '../kong/calls';
import { ROOT } from '../peers/node-server';
import type { Address, ServerCommand } from '../server-process';
import { gatekeeperConfig, TOKEN_SECRET } from './config';

/** Where a plugin server is started. */
export interface PluginServerPlace {
  readonly folder: string;
  readonly redisPort: number;
  readonly nodeFlags: readonly string[];
}

/** A plugin in a server that is measured. */
export interface PluginServerPlan {
  readonly name: string;
  /** How many processes decide. */
  readonly workers: number;
  server(place: PluginServerPlace): Omit<ServerCommand, 'logFile'> & Address;
  instance(place: PluginServerPlace): Instance;
}

const SOCKET = 'plugin.sock';

/** ws-gatekeeper, of a dist folder, with a memory of so many tokens, and with so many workers. */
export function gatekeeper(
  name: string,
  dist: string,
  tokenCacheSize: number,
  workers = 1,
): PluginServerPlan {
  return {
    name,
    workers,
    server: ({ folder, nodeFlags }) => {
      const socketPath = join(folder, SOCKET);
      const bin = join(dist, 'plugin/bin/ws-gatekeeper.js');
      // Another build may not know the option.
      const several = workers === 1 ? [] : ['--workers', String(workers)];
      const args = [...nodeFlags, bin, '--socket', socketPath, ...several];
      return { command: process.execPath, args, socketPath };
    },
    instance: (place) => ({ ...gatekeeperInstance(place, tokenCacheSize), protocol: 'ProtoBuf' }),
  };
}

/** The same plugin in kong-pdk's server. */
export function gatekeeperInStock(name: string, dist: string, tokenCacheSize: number): PluginServerPlan {
  return {
    name,
    workers: 1,
    server: (place) => stockServer(place, join(dist, 'plugin/kong-pdk')),
    instance: (place) => ({ ...gatekeeperInstance(place, tokenCacheSize), protocol: 'MsgPack' }),
  };
}

/** The plugin that one writes first, in kong-pdk's server. */
export function firstTryInStock(name: string): PluginServerPlan {
  return {
    name,
    workers: 1,
    server: (place) => stockServer(place, join(__dirname, 'first-try')),
    instance: ({ folder, redisPort }) => ({
      protocol: 'MsgPack',
      socketPath: join(folder, SOCKET),
      pluginName: 'first-try',
      config: JSON.stringify({ secret: TOKEN_SECRET, redis_port: redisPort, limit: 1e9 }),
    }),
  };
}

function stockServer({ folder, nodeFlags }: PluginServerPlace, plugins: string) {
  const bin = join(ROOT, 'node_modules/kong-pdk/bin/kong-js-pluginserver');
  const args = [...nodeFlags, bin, '-d', plugins, '-p', folder, '--sock-name', SOCKET];
  return { command: process.execPath, args, socketPath: join(folder, SOCKET) };
}

function gatekeeperInstance({ folder, redisPort }: PluginServerPlace, tokenCacheSize: number) {
  const redis = { url: `redis://127.0.0.1:${redisPort}` };
  const config = JSON.stringify(gatekeeperConfig({ redis, token_cache_size: tokenCacheSize }));
  return { socketPath: join(folder, SOCKET), pluginName: 'ws-gatekeeper', config };
}
