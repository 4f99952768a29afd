import type { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { ErrorReplyListener } from './error-replies';
import { ToldReasons } from './told-reasons';

/** As much of ioredis's `Redis` and `Cluster` as is told of. */
export interface Watched extends Pick<EventEmitter, 'on' | 'off'> {
  readonly status: string;
}

/** A connection to one node of a cluster. */
interface Node extends Watched {
  readonly options: { readonly host?: string; readonly port?: number };
}

/**
 * Logs the life of a connection. It has one line when the connection is lost, and one when it is there, however many
 * attempts lie between. Each new reason for which it is not to be had has one line, in the other side's own words. It
 * does the same for each node of a cluster.
 */
export class ConnectionLog {
  readonly #log: Logger;
  readonly #told: ToldReasons;
  /** Why each of them cannot be had, the latest last. */
  readonly #lostNodes = new Map<string, string>();
  #state: 'new' | 'ready' | 'lost' = 'new';
  #reason: string | undefined;
  #isLetGo = false;

  /**
   * @param log names the connection
   * @param nowMs a monotonic clock, milliseconds
   */
  constructor(log: Logger, nowMs: () => number) {
    this.#log = log;
    this.#told = new ToldReasons(nowMs);
  }

  /** Tells of this one from now on. @returns what ends that */
  watch(redis: Watched): () => void {
    const listeners = [
      ['error', this.#failed],
      // Why a sentinel or a node of a cluster is not to be had, ioredis tells apart from that.
      ['sentinelError', this.tell],
      ['node error', this.tell],
      ['+node', this.#nodeAdded],
      ['close', this.#closed],
      ['ready', this.#ready],
    ] as const;
    for (const [event, listener] of listeners) redis.on(event, listener);
    if (redis.status === 'ready') this.#ready();
    return () => {
      for (const [event, listener] of listeners) redis.off(event, listener);
    };
  }

  /** The connection is let go of: its end is no loss, and its errors on the way out are nobody's concern. */
  letGo(): void {
    this.#isLetGo = true;
  }

  /** Why something of the connection cannot be had, once a reason. @param node as ioredis names it, `host:port` */
  readonly tell = (error: Error, node?: string): void => {
    if (this.#isLetGo) return;
    const reason = reasonOf(error);
    if (node !== undefined) {
      this.#lostNodes.delete(node);
      this.#lostNodes.set(node, reason);
    }
    if (this.#told.hear(reason, node)) this.#log.warn({ node, reason }, 'redis connection error');
  };

  readonly #failed = (error: Error): void => {
    this.#reason = reasonOf(error);
    if (this.#state === 'lost') this.tell(error);
  };

  readonly #closed = (): void => {
    if (this.#isLetGo) return;
    // A cluster is lost when the last of its nodes is, and has no reason of its own.
    const reason = this.#reason ?? [...this.#lostNodes.values()].at(-1);
    if (this.#state !== 'lost') {
      this.#log.warn({ reason }, 'redis connection lost');
      if (reason !== undefined) this.#told.hear(reason);
    }
    this.#state = 'lost';
  };

  readonly #ready = (): void => {
    if (this.#state !== 'ready') this.#log.info('redis connection ready');
    this.#state = 'ready';
    this.#reason = undefined;
    this.#told.clear();
  };

  readonly #nodeAdded = (redis: Node): void => {
    const { host = '', port = 0 } = redis.options;
    const node = `${host}:${port}`;
    redis.on('ready', () => {
      if (!this.#lostNodes.delete(node)) return;
      this.#told.clear(node);
      this.#log.info({ node }, 'redis connection ready');
    });
  };
}

/** Logs what Redis refuses, and when it does so no longer. @param log names the connection */
export function refusalLog(log: Logger): ErrorReplyListener {
  return {
    refused(reason, command) {
      log.warn({ command, reason }, 'redis refuses');
    },
    over(reason) {
      log.info({ reason }, 'redis refuses no longer');
    },
  };
}

/** Members of their own that ioredis and Node have in an error. */
interface Insides {
  /** The last error, for a cluster none of whose nodes can be had. */
  readonly lastNodeError?: Error;
  /** The errors of a name with several addresses; the error itself says nothing then. */
  readonly errors?: readonly Error[];
}

/** An error in words. */
function reasonOf(error: Error): string {
  const { lastNodeError, errors = [] } = error as Error & Insides;
  const [said] = [error.message, ...errors.map(({ message }) => message), error.name].filter(
    (text) => text !== '',
  );
  return lastNodeError === undefined ? (said ?? '') : `${said ?? ''} ${lastNodeError.message}`;
}
