import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { WorkerPool } from '../../workers/worker-pool';
import type { BridgePorts } from '../bridge';
import { ReplayGuard, type ReplayVerdict } from '../handshake/replay-guard';
import { createAdminServer } from '../http/admin-server';
import type { Readiness } from '../http/readiness';
import { closeServer, listen } from '../http/server';
import { registerDroppedLines } from '../metrics/dropped-lines';
import { registerWorkerDeaths } from '../metrics/worker-deaths';
import type { Settings } from '../settings/settings';
import { READINESS, RETIRE, WORKER_VARIABLE, type ToPrimary, type ToWorker } from './messages';

const WORKER_FILE = join(__dirname, '../bin/ws-bridge-worker.js');

/** The primary's surroundings. */
export interface BridgeWorkersOptions {
  readonly log: Logger;
  /** Takes the lines that workers log. */
  readonly writeLine: (line: string) => void;
  /** Lines of theirs and its own that nobody took, for the metrics. */
  readonly droppedLogLines: () => number;
  /** No worker comes any more, since they all die. Those that are left have closed their sockets. */
  readonly onGivenUp: (reason: string) => void;
}

/**
 * A bridge of several workers, in their primary. Each worker is a whole bridge with an id of its own. The primary accepts each
 * assertion once for all of them, has the one admin port, and ends them (docs/adr/0023).
 */
export class BridgeWorkers {
  readonly #settings: Settings;
  readonly #options: BridgeWorkersOptions;
  readonly #replayGuard: ReplayGuard;
  readonly #registry = new Registry();
  readonly #adminServer: Server;
  #pool: WorkerPool<ToPrimary, ToWorker> | undefined;
  #port: number;
  #isEnding = false;

  constructor(settings: Settings, options: BridgeWorkersOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#port = settings.port;
    this.#replayGuard = new ReplayGuard(settings.maxSeenAssertions);
    const told = {
      isLive: async () => (await this.#asked(READINESS)).every((answer) => answer !== undefined),
      readiness: () => this.#readiness(),
      metrics: async () => (await this.#pool?.metrics(await this.#registry.getMetricsAsJSON())) ?? '',
    };
    this.#adminServer = createAdminServer(told, settings, options.log);
  }

  /**
   * Starts the workers, and listens.
   * @throws Error in a worker's words when it cannot start, and Node's error when the admin port is taken
   */
  async start(): Promise<BridgePorts> {
    const { host, adminHost, workers } = this.#settings;
    const { log, writeLine } = this.#options;
    const pool = await WorkerPool.start<ToPrimary, ToWorker>({
      ...{ count: workers, file: WORKER_FILE, log, writeLine },
      environment: (number) => ({
        [WORKER_VARIABLE]: number,
        BRIDGE_WORKERS: workers,
        BRIDGE_PORT: this.#portToListenOn(),
      }),
      onMessage: ({ ask, assertions }, { send }) => {
        send({ type: 'accepted', ask, verdicts: this.#accept(assertions) });
      },
      onGivenUp: (reason) => {
        void this.close().then(() => {
          this.#options.onGivenUp(reason);
        });
      },
    });
    this.#pool = pool;
    collectDefaultMetrics({ register: this.#registry });
    registerDroppedLines(this.#registry, this.#options.droppedLogLines);
    registerWorkerDeaths(this.#registry, pool);
    try {
      const address = { port: this.#settings.adminPort, host: adminHost };
      const ports = { port: pool.port ?? 0, adminPort: await listen(this.#adminServer, address, log) };
      log.info({ host, port: ports.port, adminHost, adminPort: ports.adminPort, workers }, 'listening');
      return ports;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Ends gently, as {@link Bridge.drain} does: all close the traffic port first, so that nobody goes from one to the other. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    this.#pool?.stopReplacing();
    await this.#asked(RETIRE);
    await this.#pool?.end({ type: 'drain' });
    await this.#closeAdmin();
  }

  /** Ends at once, as {@link Bridge.close} does. */
  async close(): Promise<void> {
    this.#isEnding = true;
    await this.#pool?.end({ type: 'close' });
    await this.#closeAdmin();
  }

  /** The port goes with the last worker that has it. Any port is then the one that it was. */
  #portToListenOn(): number {
    if (this.#pool?.isEmpty) this.#port = this.#pool.port ?? this.#port;
    return this.#port;
  }

  #accept(assertions: ToPrimary['assertions']): readonly ReplayVerdict[] {
    const [nowS, monotonicS] = [Date.now() / 1000, performance.now() / 1000];
    return assertions.map(([id, endsAt]) => this.#replayGuard.accept(id, endsAt, nowS, monotonicS));
  }

  #asked(question: string): Promise<readonly unknown[]> {
    return this.#pool?.ask(question) ?? Promise.resolve([]);
  }

  /** A part is ready when it is in every worker. */
  async #readiness(): Promise<Readiness> {
    const told = (await this.#asked(READINESS)) as readonly (Readiness | undefined)[];
    const parts = told.map((readiness) => readiness ?? {});
    const names = new Set(parts.flatMap((readiness) => Object.keys(readiness)));
    return {
      ...Object.fromEntries([...names].map((name) => [name, parts.every((part) => part[name] !== false)])),
      workers: told.length === this.#settings.workers && !told.includes(undefined),
      ...(this.#isEnding && { accepting: false }),
    };
  }

  async #closeAdmin(): Promise<void> {
    const closed = closeServer(this.#adminServer);
    this.#adminServer.closeAllConnections();
    await closed;
  }
}
