import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { processTree } from '../../bench/process-tree';
import { startGateway } from '../../kong-stand-in/gateway';
import { startRedis } from '../fakes/redis-server';
import {
  BRIDGE_WORKERS,
  bridgeUpgrades,
  OPA_PATH,
  OPA_STAND_IN,
  requireNoSecrets,
  ROOT,
  SECRETS,
  WORKERS,
  type KongLogEntry,
  type PluginServerControl,
  type Stack,
  type StackPlan,
} from './stack';

/** One of our programs, run as it is shipped. */
class Program {
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #ready: string;
  readonly #log: string[];
  #child: ChildProcess | undefined;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv, ready: string, log: string[]) {
    this.#args = args;
    this.#env = env;
    this.#ready = ready;
    this.#log = log;
  }

  /** Starts it and returns the line that says that it is ready. */
  async start(): Promise<string> {
    const child = spawn(process.execPath, this.#args, {
      cwd: '/',
      env: { PATH: process.env['PATH'], ...this.#env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    return new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#log.push(line);
        if (line.includes(this.#ready)) resolve(line);
      });
      child.once('exit', (code) => {
        reject(
          new Error(`${this.#args.join(' ')} ended with ${code ?? 'a signal'}:\n${this.#log.join('\n')}`),
        );
      });
    });
  }

  /** With its workers. */
  signal(signal: NodeJS.Signals): Promise<void> {
    signalAll(processTree(this.#child?.pid ?? NaN), signal);
    return Promise.resolve();
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    const paused = processTree(child.pid ?? NaN);
    child.kill(signal);
    // A paused process takes no other signal.
    signalAll(paused, 'SIGCONT');
    await exit;
  }
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** The stack on the stand-in gateway: real processes, a private Redis, loopback only. */
export async function startStandInStack(plan: StackPlan): Promise<Omit<Stack, 'reconfigure'>> {
  const logs: string[] = [];
  const entries: KongLogEntry[] = [];
  const redisServer = await startRedis();
  const socketPath = join(plan.folder, 'plugin.sock');
  const infoFile = join(plan.folder, 'plugin-info.json');
  const newServer = () => pluginServerProgram(plan, socketPath, infoFile, logs);
  let pluginServer = newServer();
  await pluginServer.start();
  const newBridge = () =>
    new Program(
      [join(ROOT, 'dist/sidecar/bin/ws-bridge.js')],
      {
        BRIDGE_WORKERS,
        BRIDGE_HOST: '127.0.0.1',
        BRIDGE_PORT: '0',
        BRIDGE_ADMIN_HOST: '127.0.0.1',
        BRIDGE_ADMIN_PORT: '0',
        // A noisy machine must not look like a bridge or a Redis that is away.
        BRIDGE_HANDOVER_TIMEOUT_MS: '10000',
        BRIDGE_REDIS_TIMEOUT_MS: '10000',
        BRIDGE_HANDSHAKE_TIMEOUT_MS: '20000',
        REDIS_URL: redisServer.url,
        BRIDGE_ASSERTION_SECRET: SECRETS.ASSERTION_SECRET,
        ...(plan.routesFile !== undefined && { BRIDGE_ROUTES_FILE: join(plan.folder, plan.routesFile) }),
        ...plan.bridgeEnv,
      },
      '"listening"',
      logs,
    );
  const bridges = Array.from({ length: plan.bridges }, newBridge);
  const places = await Promise.all(
    bridges.map(async (bridge) => JSON.parse(await bridge.start()) as { port: number; adminPort: number }),
  );
  const opaEnv = { HOST: '127.0.0.1', PORT: '0', OPA_KEY: SECRETS.OPA_KEY };
  const opa = plan.authorizationService
    ? new Program([OPA_STAND_IN], opaEnv, '"listening"', logs)
    : undefined;
  const opaPort = opa && (JSON.parse(await opa.start()) as { port: number }).port;
  const gateway = await startGateway({
    configFile: plan.configFile,
    port: 0,
    queryCommand: `cat ${infoFile}`,
    socketPath,
    env: { ...SECRETS, REDIS_URL: redisServer.url },
    resolve: { 'ws-bridge:8080': places.map(({ port }) => `127.0.0.1:${port}`).join() },
    pluginServerTimeoutMs: plan.pluginServerTimeoutMs,
    onRequestOver: (entry) => void entries.push(entryOf(entry)),
    workers: 2,
  });
  const redis = new Redis(redisServer.url);
  const control: PluginServerControl = {
    kill: () => pluginServer.end('SIGKILL'),
    pause: async () => {
      await pluginServer.signal('SIGSTOP');
    },
    resume: async () => {
      await pluginServer.signal('SIGCONT');
    },
    start: async () => {
      await pluginServer.start();
    },
    restart: async () => {
      const old = pluginServer;
      pluginServer = newServer();
      await pluginServer.start();
      await old.end('SIGTERM');
    },
  };
  return {
    gateway: 'stand-in',
    url: `ws://127.0.0.1:${gateway.port}`,
    redis,
    authorizationUrl: opaPort === undefined ? undefined : `http://127.0.0.1:${opaPort}${OPA_PATH}`,
    pluginServer: control,
    reload: () => gateway.reload(),
    drainBridge: async () => {
      await bridges.at(-1)?.end('SIGTERM');
    },
    bridgeUpgrades: () => bridgeUpgrades(`http://127.0.0.1:${places[0]?.adminPort ?? 0}`),
    kongLog: () => Promise.resolve(entries),
    logs: () => Promise.resolve(logs.join('\n')),
    async stop() {
      redis.disconnect();
      await gateway.close();
      await opa?.end('SIGKILL');
      await Promise.all([pluginServer, ...bridges].map((program) => program.end('SIGKILL')));
      await redisServer.stop();
      rmSync(plan.folder, { recursive: true, force: true });
      requireNoSecrets(logs);
    },
  };
}

/** As a log plugin writes it: bytes. */
function entryOf(entry: object): KongLogEntry {
  return JSON.parse(Buffer.from(JSON.stringify(entry), 'latin1').toString('utf8')) as KongLogEntry;
}

function pluginServerProgram(plan: StackPlan, socketPath: string, infoFile: string, logs: string[]): Program {
  if (!plan.stockServer) {
    const bin = join(ROOT, 'dist/plugin/bin/ws-gatekeeper.js');
    return new Program(
      [bin, '--socket', socketPath, '--plugin-info-file', infoFile, '--workers', WORKERS],
      {},
      '"listening"',
      logs,
    );
  }
  const args = [STOCK_SERVER, '-d', STOCK_PLUGINS];
  writeFileSync(infoFile, execFileSync(process.execPath, [...args, '--dump-all-plugins'], { cwd: '/' }));
  return new Program([...args, '-p', plan.folder, '--sock-name', 'plugin.sock'], {}, 'server started', logs);
}

const STOCK_SERVER = join(ROOT, 'node_modules/kong-pdk/bin/kong-js-pluginserver');
const STOCK_PLUGINS = join(ROOT, 'dist/plugin/kong-pdk');
