import { unwatchFile, watchFile, type Stats } from 'node:fs';
import type { Server } from 'node:http';
import type { Logger } from 'pino';
import type { AdminBounds } from '../../protocol/admin-server';
import { outliveRefusedAccepts } from '../../stdio/refused-accepts';
import { startAdmin, type Told } from './server';

/** Where metrics are served, and by which socket it is known who serves them. */
export interface AdminPortOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** The plugin server's socket, which this process listens on. */
  readonly socketPath: string;
  /** Whether the socket with this inode is this process's. */
  readonly isOwn: (inode: number) => boolean;
  /** Default: of this process. */
  readonly told?: Told | undefined;
  readonly log: Logger;
}

/** Open at a time; more are closed at once. */
export const ADMIN_MAX_CONNECTIONS = 64;
/** For a request to be there whole, in milliseconds. */
export const ADMIN_TIMEOUT_MS = 5000;

/** Between two tries for a port that another has, and two looks at whose the socket is, in milliseconds. */
const POLL_INTERVAL_MS = 500;

/**
 * The admin port goes with the socket. Two gatekeepers run while one takes over from the other, or while Kong reloads.
 * The one that Kong connects to serves the port. A fault of the port is never a reason not to serve Kong.
 */
export class AdminPort {
  readonly #options: AdminPortOptions;
  #server: Server | undefined;
  #retry: NodeJS.Timeout | undefined;
  #over = false;

  /** @throws Error when the address cannot be listened on for another reason than that it is taken */
  static async open(options: AdminPortOptions): Promise<AdminPort> {
    const admin = new AdminPort(options);
    if (!(await admin.#listen())) {
      options.log.warn({ adminPort: options.port }, 'admin port is taken: waiting for it');
      admin.#tryLater();
    }
    return admin;
  }

  private constructor(options: AdminPortOptions) {
    this.#options = options;
    watchFile(options.socketPath, { interval: POLL_INTERVAL_MS, persistent: false }, this.#look);
  }

  /** The port, once it is listened on. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  /** Stops to serve, or to wait for the port. */
  close(): void {
    this.#over = true;
    clearTimeout(this.#retry);
    unwatchFile(this.#options.socketPath, this.#look);
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  readonly #look = ({ ino }: Stats): void => {
    // 0: there is none, so nobody has taken it over.
    if (ino === 0 || this.#options.isOwn(ino)) return;
    this.#options.log.info('another listens on the socket: it gets the admin port');
    this.close();
  };

  /** @returns whether the port was free */
  async #listen(): Promise<boolean> {
    const { host, port, told } = this.#options;
    const bounds: AdminBounds = {
      maxConnections: ADMIN_MAX_CONNECTIONS,
      timeoutMs: ADMIN_TIMEOUT_MS,
      onRefused: (reason) => {
        this.#options.log.info({ reason }, 'admin request refused');
      },
    };
    try {
      this.#server = await startAdmin(host, port, bounds, told);
      outliveRefusedAccepts(this.#server, this.#options.log);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
      throw cause;
    }
    if (this.#over) this.close();
    return true;
  }

  #tryLater(): void {
    this.#retry = setTimeout(() => void this.#tryAgain(), POLL_INTERVAL_MS);
  }

  async #tryAgain(): Promise<void> {
    const { log } = this.#options;
    try {
      if (await this.#listen()) log.info({ adminPort: this.port }, 'serving metrics');
      else if (!this.#over) this.#tryLater();
    } catch (cause) {
      log.error({ reason: (cause as Error).message }, 'admin port cannot be listened on');
    }
  }
}
