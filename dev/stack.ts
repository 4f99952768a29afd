import { execFileSync } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join, sep } from 'node:path';
import { Redis } from 'ioredis';
import { Child, type ChildPlan } from './child';
import { demoActions } from './demo/actions';
import { DEMO_PREFIX } from './demo/names';
import { demoKongConfig } from './kong-config';
import { Line } from './line';
import { PageServer } from './page-server';
import { freePort } from './ports';
import { awaitRedis } from './redis-at-hand';
import { REDIS_SERVER } from './redis-server';

/** How the stack is set up. */
export interface StackSettings {
  /** The repository, with `dist/` and `kong.yml` in it. */
  readonly root: string;
  /** A folder for sockets and logs. */
  readonly folder: string;
  readonly gatewayPort: number;
  readonly bridgePort: number;
  readonly bridgeAdminPort: number;
  /** A Redis to use; a private one is started when undefined. */
  readonly redisUrl: string | undefined;
  readonly jwtSecret: string;
  readonly assertionSecret: string;
}

const BRIDGE = 'ws-bridge';
/** Milliseconds that a bridge has to hand over what its clients missed: BRIDGE_LINGER_MS and some. */
const RETIRE_MS = 65_000;

/** Where a bridge is, for people. */
export function bridgeLine(port: number, adminPort: number): string {
  return `bridge    http://127.0.0.1:${port}  admin http://127.0.0.1:${adminPort}/metrics`;
}

/** redis-server is not there. */
export class RedisMissing extends Error {
  override readonly name = 'RedisMissing';
  readonly code = 'ERR_REDIS_MISSING';
}

/** The processes of the whole stack, each a child of this one, on 127.0.0.1; and the demo page, which is served by it. */
export class Stack {
  readonly #settings: StackSettings;
  readonly #children: Child[] = [];
  readonly #failure: Promise<never>;
  #fail: (cause: unknown) => void = () => undefined;
  #redisUrl: string;
  #redis: Redis | undefined;
  #line: Line | undefined;
  #page: PageServer | undefined;
  #replacing: Promise<void> = Promise.resolve();

  constructor(settings: StackSettings) {
    this.#settings = settings;
    this.#redisUrl = settings.redisUrl ?? '';
    this.#failure = new Promise((_, reject) => (this.#fail = reject));
    this.#failure.catch(() => undefined);
  }

  get redisUrl(): string {
    return this.#redisUrl;
  }

  /** Starts one after the other, each when what it needs is ready. @throws ChildEnded, ChildLate, RedisMissing, RedisUnusable */
  async start(): Promise<void> {
    const { redisUrl } = this.#settings;
    if (redisUrl === undefined) await this.#startRedis();
    else await awaitRedis(redisUrl, console.log);
    await this.#run(this.#gatekeeper());
    const { bridgePort, bridgeAdminPort } = this.#settings;
    await this.#run(this.#bridge(bridgePort, bridgeAdminPort));
    const line = (this.#line = await Line.open(bridgePort));
    const page = (this.#page = await this.#servePage(line));
    await this.#run(this.#gateway(line.port, page.port));
    await this.#run(this.#node('demo-ai-service', 'dev/demo/ai-service.js', [], '"ready"'));
    await this.#run(this.#node('demo-feeds', 'dev/demo/feeds.js', [], '"ready"'));
  }

  /** Rejects when a child ends by itself. */
  async failure(): Promise<never> {
    return this.#failure;
  }

  /** Ends every child, last started first. */
  async stop(): Promise<void> {
    this.#redis?.disconnect();
    for (const child of this.#children.splice(0).reverse()) await child.stop();
    await this.#page?.close();
    await this.#line?.close();
  }

  /** Starts another bridge and has it take over, as an operator does it: nobody need miss anything. */
  restartBridge(): Promise<void> {
    return this.#replaceBridge(async (old) => {
      const [port, adminPort] = [await freePort(), await freePort()];
      const child = await this.#start(this.#bridge(port, adminPort));
      this.#line?.leadTo(port);
      console.log(bridgeLine(port, adminPort));
      void old.stop('SIGTERM', RETIRE_MS);
      return child;
    });
  }

  /** Kills the bridge, as a crash does it, and starts another in its place: what it kept is gone. */
  killBridge(): Promise<void> {
    return this.#replaceBridge(async (old) => {
      await old.stop('SIGKILL');
      return this.#start(old.plan).catch((cause: unknown) => {
        this.#fail(cause);
        throw cause;
      });
    });
  }

  async #run(plan: ChildPlan): Promise<void> {
    this.#children.push(await this.#start(plan));
  }

  async #start(plan: ChildPlan): Promise<Child> {
    const { child } = await Promise.race([Child.start(plan), this.#failure]);
    child.failed.catch(this.#fail);
    return child;
  }

  /** One after the other, so that there is always one to replace. */
  #replaceBridge(replace: (old: Child) => Promise<Child>): Promise<void> {
    const replaced = this.#replacing.then(async () => {
      const at = this.#children.findIndex(({ plan }) => plan.name === BRIDGE);
      const old = this.#children[at];
      if (old !== undefined) this.#children[at] = await replace(old);
    });
    this.#replacing = replaced.catch(() => undefined);
    return replaced;
  }

  #servePage(line: Line): Promise<PageServer> {
    const { root, gatewayPort, jwtSecret } = this.#settings;
    const redis = (this.#redis = new Redis(this.#redisUrl));
    // A Redis that is gone is told by its own end, or by a button that fails.
    redis.on('error', () => undefined);
    const restartBridge = (): Promise<void> => this.restartBridge();
    const killBridge = (): Promise<void> => this.killBridge();
    return PageServer.start({
      folder: join(root, 'dist/dev/page'),
      hosts: [`127.0.0.1:${gatewayPort}`, `localhost:${gatewayPort}`],
      actions: demoActions({ redis, line, jwtSecret, restartBridge, killBridge, now: Date.now }),
    });
  }

  async #startRedis(): Promise<void> {
    expectRedisServer();
    const port = await freePort();
    this.#redisUrl = `redis://127.0.0.1:${port}`;
    const { folder } = this.#settings;
    // It loads what another Redis left in the folder that it works in: never the caller's.
    const options = { bind: '127.0.0.1', port: String(port), dir: folder, save: '', appendonly: 'no' };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const logFile = join(folder, 'redis.log');
    const readyWhen = 'Ready to accept connections';
    await this.#run({ name: 'redis-server', command: REDIS_SERVER, args, readyWhen, logFile });
  }

  #gatekeeper(): ChildPlan {
    const { folder } = this.#settings;
    const args = ['--socket', join(folder, 'ws-gatekeeper.sock'), '--plugin-info-file', this.#pluginInfo];
    return this.#node('ws-gatekeeper', 'plugin/bin/ws-gatekeeper.js', args, '"listening"');
  }

  #bridge(port: number, adminPort: number): ChildPlan {
    const plan = this.#node(BRIDGE, 'sidecar/bin/ws-bridge.js', [], '"listening"', {
      BRIDGE_HOST: '127.0.0.1',
      BRIDGE_PORT: String(port),
      BRIDGE_ADMIN_HOST: '127.0.0.1',
      BRIDGE_ADMIN_PORT: String(adminPort),
      BRIDGE_ASSERTION_SECRET: this.#settings.assertionSecret,
      BRIDGE_DRAIN_MS: '0',
      BRIDGE_ROUTES_FILE: this.#routesFile(),
    });
    // Ctrl-C is answered at once: there is no other bridge to hand over to.
    return { ...plan, stopSignal: 'SIGINT' };
  }

  /** The built-in routes, and people who are told who else is at their document and may lock it. */
  #routesFile(): string {
    const { root, folder } = this.#settings;
    const program = join(root, 'dist/sidecar/bin/ws-bridge.js');
    const builtIn = JSON.parse(execFileSync(process.execPath, [program, 'routes'], { encoding: 'utf8' })) as {
      readonly routes: readonly { readonly messages: string }[];
    };
    const routes = builtIn.routes.map((route) =>
      route.messages === 'relay' ? { ...route, peers: true, locks: true } : route,
    );
    const file = join(folder, 'routes.json');
    writeFileSync(file, JSON.stringify({ routes }));
    return file;
  }

  #gateway(linePort: number, pagePort: number): ChildPlan {
    const { root, folder, gatewayPort, jwtSecret, assertionSecret } = this.#settings;
    const config = join(folder, 'kong.yml');
    writeFileSync(config, demoKongConfig(root, DEMO_PREFIX));
    const args = [
      ...['--config', config, '--port', String(gatewayPort)],
      ...['--query-cmd', `cat '${this.#pluginInfo}'`, '--socket', join(folder, 'ws-gatekeeper.sock')],
      ...['--resolve', `ws-bridge:8080=127.0.0.1:${linePort}`],
      ...['--resolve', `demo-page:8081=127.0.0.1:${pagePort}`],
    ];
    const env = { JWT_SECRET: jwtSecret, ASSERTION_SECRET: assertionSecret };
    return this.#node('gateway', 'kong-stand-in/bin.js', args, '"ready"', env);
  }

  #node(
    name: string,
    script: string,
    args: readonly string[],
    readyWhen: string,
    env: Readonly<Record<string, string>> = {},
  ): ChildPlan {
    const { root, folder } = this.#settings;
    return {
      name,
      command: process.execPath,
      args: [join(root, 'dist', script), ...args],
      env: { REDIS_URL: this.#redisUrl, ...env },
      readyWhen,
      logFile: join(folder, `${name}.log`),
    };
  }

  get #pluginInfo(): string {
    return join(this.#settings.folder, 'plugin-info.json');
  }
}

function expectRedisServer(): void {
  if (REDIS_SERVER.includes(sep)) {
    if (isExecutable(REDIS_SERVER)) return;
    throw new RedisMissing(`REDIS_SERVER: expected the path of a program, got ${REDIS_SERVER}`);
  }
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  if (folders.some((folder) => isExecutable(join(folder, REDIS_SERVER)))) return;
  throw new RedisMissing(
    `${REDIS_SERVER} is not on PATH: install it (apt-get install redis-server), or name a Redis with REDIS_URL`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
