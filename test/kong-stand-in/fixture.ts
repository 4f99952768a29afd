import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway, type Gateway, type GatewayOptions } from '../../kong-stand-in/gateway';
import { UnixServer } from './unix-server';
import { Upstream } from './upstream';

/** A test's own settings besides the defaults. */
export interface FixturePlan {
  /** The plugin's dump. */
  readonly dump: unknown;
  /** `kong.yml`, as an object: JSON is YAML. */
  readonly config: unknown;
  readonly options?: Partial<GatewayOptions>;
  /** More overrides, besides the one for {@link SERVICE}. */
  readonly resolve?: Readonly<Record<string, string>>;
}

/** A gateway with a scripted plugin server before it and a real upstream behind it. */
export interface Fixture {
  readonly gateway: Gateway;
  readonly upstream: Upstream;
  /** The gateway's log, `level: message`. */
  readonly log: string[];
  readonly configFile: string;
  readonly socketPath: string;
  /** Listens for the gateway on the plugin server's socket. */
  startPluginServer(): Promise<UnixServer>;
  stop(): Promise<void>;
}

/** The service name that every configuration of these tests uses. */
export const SERVICE = { name: 'up', url: 'http://127.0.0.1:19080' } as const;

export async function startFixture(plan: FixturePlan): Promise<Fixture> {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-'));
  const configFile = join(folder, 'kong.yml');
  const dumpFile = join(folder, 'dump.json');
  const socketPath = join(folder, 'plugin.sock');
  writeFileSync(configFile, JSON.stringify(plan.config));
  writeFileSync(dumpFile, JSON.stringify(plan.dump));
  const upstream = await Upstream.start();
  const log: string[] = [];
  const servers: UnixServer[] = [];
  const gateway = await startGateway({
    configFile,
    port: 0,
    queryCommand: `cat ${dumpFile}`,
    socketPath,
    env: {},
    resolve: { '127.0.0.1:19080': `127.0.0.1:${upstream.port}`, ...plan.resolve },
    log: (level, message) => log.push(`${level}: ${message}`),
    ...plan.options,
  });
  return {
    gateway,
    upstream,
    log,
    configFile,
    socketPath,
    startPluginServer: async () => {
      const server = await UnixServer.listen(socketPath);
      servers.push(server);
      return server;
    },
    stop: async () => {
      await gateway.close();
      await Promise.all(servers.map((server) => server.kill().catch(() => undefined)));
      await upstream.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A configuration with one service, one route and one plugin on the service. */
export function configWith(plugin: { name: string; config?: unknown }, route: object = {}): unknown {
  const routes = [{ name: 'r', paths: ['/'], strip_path: false, ...route }];
  return { _format_version: '3.0', services: [{ ...SERVICE, routes, plugins: [plugin] }] };
}

/** A dump of one plugin that speaks ProtoBuf. */
export function protobufDump(name: string, fields: unknown[] = []): unknown {
  const schema = { name, fields: [{ config: { type: 'record', fields } }] };
  const plugin = { Name: name, Version: '1.0.0', Priority: 1005, Phases: ['access'], Schema: schema };
  return { Protocol: 'ProtoBuf:1', Plugins: [plugin] };
}
