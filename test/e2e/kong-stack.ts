import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { GenericContainer, Wait, type StartedTestContainer } from 'testcontainers';
import { until } from '../fault/until';
import { addressOf, IMAGES, newNetwork, runtime, signal } from './containers';
import {
  bridgeUpgrades,
  KONG_LOG_FILE,
  OPA_PATH,
  OPA_STAND_IN,
  requireNoSecrets,
  ROOT,
  SECRETS,
  WORKERS,
  BRIDGE_WORKERS,
  type KongLogEntry,
  type PluginServerControl,
  type Stack,
  type StackPlan,
} from './stack';

/** Where the containers find the built files and what they share. */
const APP = '/app';
export const SHARED = '/run/ws-gatekeeper';

/** The stack on real Kong and real Redis, in containers of the stock images with the built files mounted. */
export async function startKongStack(plan: StackPlan): Promise<Omit<Stack, 'reconfigure'>> {
  const network = await newNetwork();
  // Kong and Node run as users of their own, the test as anybody.
  chmodSync(plan.folder, 0o777);
  const logs: string[] = [];
  const inNetwork = (container: GenericContainer, alias?: string) =>
    (alias === undefined ? container : container.withNetworkAliases(alias))
      .withNetwork(network)
      .withLogConsumer((stream) => stream.on('data', (line) => logs.push(String(line).trimEnd())));

  const redisContainer = await inNetwork(new GenericContainer(IMAGES.redis), 'redis')
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'))
    .start();
  const startServer = () => inNetwork(pluginServerContainer(plan)).start();
  let pluginServer = await startServer();
  const startBridge = () =>
    inNetwork(nodeContainer(plan), 'ws-bridge')
      .withEnvironment({
        REDIS_URL: 'redis://redis:6379',
        BRIDGE_ASSERTION_SECRET: SECRETS.ASSERTION_SECRET,
        BRIDGE_ADMIN_HOST: '0.0.0.0',
        BRIDGE_WORKERS,
        ...(plan.routesFile !== undefined && { BRIDGE_ROUTES_FILE: `${SHARED}/${plan.routesFile}` }),
        ...plan.bridgeEnv,
      })
      .withCommand(['node', `${APP}/dist/sidecar/bin/ws-bridge.js`])
      .withExposedPorts(9090)
      .withWaitStrategy(Wait.forLogMessage('"listening"'))
      .start();
  const bridges = await Promise.all(Array.from({ length: plan.bridges }, startBridge));
  const [bridge] = bridges;
  if (bridge === undefined) throw new RangeError('expected a bridge or more');
  const opa = plan.authorizationService ? await inNetwork(opaContainer(plan), 'opa').start() : undefined;
  const kong = await inNetwork(kongContainer(plan)).start();
  const address = (container: StartedTestContainer, port: number) =>
    addressOf(container, network.getName(), port);
  const redis = new Redis(`redis://${await address(redisContainer, 6379)}`);
  const kongAddress = await address(kong, 8000);
  const bridgeAdmin = `http://${await address(bridge, 9090)}`;

  const control: PluginServerControl = {
    kill: () => signal(pluginServer, 'SIGKILL'),
    pause: () => runtime(pluginServer, (container) => container.pause()),
    resume: () => runtime(pluginServer, (container) => container.unpause()),
    start: async () => {
      pluginServer = await startServer();
    },
    restart: async () => {
      const old = pluginServer;
      pluginServer = await startServer();
      await old.stop({ timeout: 20_000 });
    },
  };
  return {
    gateway: 'kong',
    url: `ws://${kongAddress}`,
    redis,
    authorizationUrl: opa && `http://opa:${OPA_PORT}${OPA_PATH}`,
    pluginServer: control,
    reload: () => reload(kong),
    drainBridge: async () => {
      const drained = bridges.at(-1);
      if (drained !== undefined) await signal(drained, 'SIGTERM');
    },
    bridgeUpgrades: () => bridgeUpgrades(bridgeAdmin),
    kongLog: () => Promise.resolve(kongLogEntries(join(plan.folder, KONG_LOG_FILE))),
    logs: () => Promise.resolve(logs.join('\n')),
    async stop() {
      redis.disconnect();
      for (const container of [kong, ...bridges, pluginServer, opa, redisContainer])
        await container?.stop({ timeout: 0 });
      await network.stop();
      rmSync(plan.folder, { recursive: true, force: true });
      requireNoSecrets(logs);
    },
  };
}

/** Prints the ids of the workers that accept connections: nginx renames those that it has told to stop. */
const ACCEPTING_WORKERS = `for process in /proc/[0-9]*; do
  [ "$(tr -d '\\0' < $process/cmdline 2>/dev/null)" = 'nginx: worker process' ] && basename $process
done; true`;

/** Resolves once the workers from before accept nothing any more: `kong reload` itself ends while they still do. */
async function reload(kong: StartedTestContainer): Promise<void> {
  const accepting = async () =>
    (await kong.exec(['sh', '-c', ACCEPTING_WORKERS])).output.split(/\s+/).filter((id) => id !== '');
  const before = await accepting();
  if (before.length === 0) throw new Error('expected workers of Kong');
  const { exitCode, output } = await kong.exec(['kong', 'reload']);
  if (exitCode !== 0) throw new Error(`kong reload ended with ${exitCode}: ${output}`);
  const areNew = async () => {
    const workers = await accepting();
    return workers.length > 0 && !workers.some((worker) => before.includes(worker));
  };
  if (!(await until(areNew, RELOAD_MS))) throw new Error('expected new workers after kong reload');
}

/** How long new workers may take. */
const RELOAD_MS = 30_000;

function kongLogEntries(file: string): readonly KongLogEntry[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as KongLogEntry);
}

function nodeContainer(plan: StackPlan): GenericContainer {
  return new GenericContainer(IMAGES.node).withBindMounts([
    { source: join(ROOT, 'dist'), target: `${APP}/dist`, mode: 'ro' },
    { source: join(ROOT, 'node_modules'), target: `${APP}/node_modules`, mode: 'ro' },
    { source: join(ROOT, 'package.json'), target: `${APP}/package.json`, mode: 'ro' },
    { source: plan.folder, target: SHARED, mode: 'rw' },
  ]);
}

const OPA_PORT = 8181;

function opaContainer(plan: StackPlan): GenericContainer {
  copyFileSync(OPA_STAND_IN, join(plan.folder, 'opa-stand-in.cjs'));
  return nodeContainer(plan)
    .withEnvironment({ HOST: '0.0.0.0', PORT: String(OPA_PORT), OPA_KEY: SECRETS.OPA_KEY })
    .withCommand(['node', `${SHARED}/opa-stand-in.cjs`])
    .withWaitStrategy(Wait.forLogMessage('"listening"'));
}

function pluginServerContainer(plan: StackPlan): GenericContainer {
  const container = nodeContainer(plan).withUser('1000:1000');
  if (!plan.stockServer) {
    return container
      .withCommand([
        'node',
        `${APP}/dist/plugin/bin/ws-gatekeeper.js`,
        ...['--socket', `${SHARED}/plugin.sock`, '--plugin-info-file', `${SHARED}/plugin-info.json`],
        // Kong's uid differs from image to image.
        ...['--socket-mode', '666', '--workers', WORKERS],
      ])
      .withWaitStrategy(Wait.forLogMessage('"listening"'));
  }
  const server = 'node_modules/kong-pdk/bin/kong-js-pluginserver';
  const plugins = 'dist/plugin/kong-pdk';
  const dump = execFileSync(
    process.execPath,
    [join(ROOT, server), '-d', join(ROOT, plugins), '--dump-all-plugins'],
    {
      cwd: '/',
    },
  );
  writeFileSync(join(plan.folder, 'plugin-info.json'), dump);
  const command = `node ${APP}/${server} -d ${APP}/${plugins} -p ${SHARED} --sock-name plugin.sock`;
  return (
    container
      // It has no option for its socket's mode, and Kong's uid differs from image to image.
      .withCommand(['sh', '-c', `umask 0 && exec ${command}`])
      .withWaitStrategy(Wait.forLogMessage('server started'))
  );
}

function kongContainer(plan: StackPlan): GenericContainer {
  return new GenericContainer(IMAGES.kong)
    .withBindMounts([{ source: plan.folder, target: SHARED, mode: 'rw' }])
    .withEnvironment({
      ...SECRETS,
      REDIS_URL: 'redis://redis:6379',
      KONG_DATABASE: 'off',
      KONG_DECLARATIVE_CONFIG: `${SHARED}/kong.yml`,
      KONG_PLUGINS: 'bundled,ws-gatekeeper',
      KONG_PLUGINSERVER_NAMES: 'gatekeeper',
      KONG_PLUGINSERVER_GATEKEEPER_SOCKET: `${SHARED}/plugin.sock`,
      KONG_PLUGINSERVER_GATEKEEPER_QUERY_CMD: `cat ${SHARED}/plugin-info.json`,
      KONG_NGINX_WORKER_PROCESSES: '2',
      KONG_PROXY_ERROR_LOG: '/dev/stderr',
      KONG_PROXY_ACCESS_LOG: 'off',
      KONG_ADMIN_LISTEN: 'off',
    })
    .withExposedPorts(8000)
    .withStartupTimeout(120_000)
    .withWaitStrategy(Wait.forHttp('/', 8000).forStatusCode(404));
}
