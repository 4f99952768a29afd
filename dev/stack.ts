import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Child, type ChildPlan } from './child';
import { freePort } from './ports';

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

/** redis-server is not there. */
export class RedisMissing extends Error {
  override readonly name = 'RedisMissing';
  readonly code = 'ERR_REDIS_MISSING';
}

/** The processes of the whole stack, each a child of this one, on 127.0.0.1. */
export class Stack {
  readonly #settings: StackSettings;
  readonly #children: Child[] = [];
  #redisUrl: string;

  constructor(settings: StackSettings) {
    this.#settings = settings;
    this.#redisUrl = settings.redisUrl ?? '';
  }

  get redisUrl(): string {
    return this.#redisUrl;
  }

  /** Starts one after the other, each when what it needs is ready. @throws ChildEnded, RedisMissing */
  async start(): Promise<void> {
    const { redisUrl } = this.#settings;
    if (redisUrl === undefined) await this.#startRedis();
    await this.#run(this.#gatekeeper());
    await this.#run(this.#bridge());
    await this.#run(this.#gateway());
    await this.#run(this.#node('demo-ai-service', 'dev/demo-ai-service.js', [], '"ready"'));
  }

  /** Rejects when a child ends by itself. */
  async failure(): Promise<never> {
    return Promise.race(this.#children.map(({ failed }) => failed));
  }

  /** Ends every child, last started first. */
  async stop(): Promise<void> {
    for (const child of this.#children.splice(0).reverse()) await child.stop();
  }

  async #run(plan: ChildPlan): Promise<void> {
    const { child } = await Promise.race([Child.start(plan), this.failure()]);
    this.#children.push(child);
  }

  async #startRedis(): Promise<void> {
    expectRedisServer();
    const port = await freePort();
    this.#redisUrl = `redis://127.0.0.1:${port}`;
    const options = { bind: '127.0.0.1', port: String(port), save: '', appendonly: 'no' };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const logFile = join(this.#settings.folder, 'redis.log');
    const readyWhen = 'Ready to accept connections';
    await this.#run({ name: 'redis-server', command: 'redis-server', args, readyWhen, logFile });
  }

  #gatekeeper(): ChildPlan {
    const { folder } = this.#settings;
    const args = ['--socket', join(folder, 'ws-gatekeeper.sock'), '--plugin-info-file', this.#pluginInfo];
    return this.#node('ws-gatekeeper', 'plugin/bin/ws-gatekeeper.js', args, '"listening"');
  }

  #bridge(): ChildPlan {
    const { bridgePort, bridgeAdminPort, assertionSecret } = this.#settings;
    return this.#node('ws-bridge', 'sidecar/bin/ws-bridge.js', [], '"listening"', {
      BRIDGE_HOST: '127.0.0.1',
      BRIDGE_PORT: String(bridgePort),
      BRIDGE_ADMIN_HOST: '127.0.0.1',
      BRIDGE_ADMIN_PORT: String(bridgeAdminPort),
      BRIDGE_ASSERTION_SECRET: assertionSecret,
      // Ctrl-C is answered at once.
      BRIDGE_DRAIN_MS: '0',
    });
  }

  #gateway(): ChildPlan {
    const { root, folder, gatewayPort, bridgePort, jwtSecret, assertionSecret } = this.#settings;
    const args = [
      ...['--config', join(root, 'kong.yml'), '--port', String(gatewayPort)],
      ...['--query-cmd', `cat '${this.#pluginInfo}'`, '--socket', join(folder, 'ws-gatekeeper.sock')],
      ...['--resolve', `ws-bridge:8080=127.0.0.1:${bridgePort}`],
    ];
    const env = { JWT_SECRET: jwtSecret, ASSERTION_SECRET: assertionSecret };
    return this.#node('gateway', 'dev/gateway-main.js', args, '"ready"', env);
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
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  if (folders.some((folder) => isExecutable(join(folder, 'redis-server')))) return;
  throw new RedisMissing(
    'redis-server is not on PATH: install it (apt-get install redis-server), or name a Redis with REDIS_URL',
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
