import { Cosocket } from './cosocket';

/** Where the pool's connections go and how long they are kept. */
export interface CosocketPoolOptions {
  /** Path of the plugin server's Unix socket. */
  readonly path: string;
  /** Milliseconds that connecting and each read may take: nginx's `lua_socket_*_timeout`, 60 s by default. */
  readonly timeoutMs: number;
  /** Milliseconds that an unused connection is kept. Default 60,000 (`lua_socket_keepalive_timeout`). */
  readonly keepaliveMs?: number;
  /** How many unused connections are kept. Default 256 (`lua_socket_pool_size`). */
  readonly maxIdle?: number;
}

/** A worker's connections to a plugin server: the one used last is used next, as in lua-nginx-module. */
export class CosocketPool {
  readonly #options: Required<CosocketPoolOptions>;
  readonly #idle: { readonly connection: Cosocket; readonly timer: NodeJS.Timeout }[] = [];
  #closed = false;

  constructor(options: CosocketPoolOptions) {
    this.#options = { keepaliveMs: 60_000, maxIdle: 256, ...options };
  }

  /** How many unused connections are kept just now. */
  get idleCount(): number {
    return this.#idle.length;
  }

  /** A connection, used before or new. @throws CosocketError when none can be made */
  async take(): Promise<Cosocket> {
    const kept = this.#idle.pop();
    if (kept === undefined) return Cosocket.connect(this.#options.path, this.#options.timeoutMs);
    clearTimeout(kept.timer);
    kept.connection.undisturbed();
    return kept.connection;
  }

  /** `setkeepalive`: keeps a connection for the next call, unless there is something unread on it. */
  keep(connection: Cosocket): void {
    if (this.#closed || !connection.isIdle || this.#idle.length >= this.#options.maxIdle) {
      connection.destroy();
      return;
    }
    const drop = (): void => {
      const at = this.#idle.findIndex((entry) => entry.connection === connection);
      const [entry] = at === -1 ? [] : this.#idle.splice(at, 1);
      clearTimeout(entry?.timer);
      connection.destroy();
    };
    const timer = setTimeout(drop, this.#options.keepaliveMs);
    timer.unref();
    this.#idle.push({ connection, timer });
    connection.whenDisturbed(drop);
  }

  close(): void {
    this.#closed = true;
    for (const { connection, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      connection.destroy();
    }
  }
}
