import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { WORKER_VARIABLE } from '../lib/log';
import { GatheredMetrics } from './gathered-metrics';
import { InstanceRegister } from './instance-register';
import type { MetricsSnapshot, ToPrimary, ToWorker, WorkerSettings } from './messages';
import { Restarts } from './restarts';
import { WholeLines } from './whole-lines';

/** How long workers may take to say their metrics, in milliseconds; of one that is late the last ones count. */
export const METRICS_TIMEOUT_MS = 1000;
/** How much longer than its calls a worker may take to end, in milliseconds; it is killed then. */
const STOP_GRACE_MS = 1000;

/** How workers are run, and who is told of them. */
export interface WorkerPoolOptions {
  readonly count: number;
  /** The file that a worker runs. */
  readonly file: string;
  readonly settings: WorkerSettings;
  readonly log: Logger;
  /** Takes the lines that workers log. */
  readonly writeLine: (line: string) => void;
  /** A worker listens that came in place of another. */
  readonly onListening: () => void;
  /** No worker comes any more, since they all die: the process should end. */
  readonly onGivenUp: (reason: string) => void;
}

/** One worker. */
interface Member {
  readonly process: Worker;
  readonly number: number;
  readonly startedMs: number;
  isReady: boolean;
  /** Those who wait for its metrics. */
  readonly waiting: (() => void)[];
}

/**
 * The workers of a gatekeeper. They accept on one socket that the primary bound: who has time takes a connection, and what a dead
 * worker did not accept another one does (docs/adr/0021). The primary serves no call of Kong.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #register = new InstanceRegister();
  readonly #metrics = new GatheredMetrics();
  readonly #restarts = new Restarts(() => performance.now());
  readonly #members = new Set<Member>();
  #isStarted = false;
  #isStopping = false;
  #deaths = 0;

  /** Starts all workers. @throws when one ends before it listens */
  static async start(options: WorkerPoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    const { file, count, settings } = options;
    // Workers accept by themselves: handed out by the primary, each connection would cost messages and a wait.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    // Lines of several processes in one pipe may be cut where it is full.
    cluster.setupPrimary({
      exec: file,
      args: [JSON.stringify(settings)],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const listening = Array.from({ length: count }, (_, index) => pool.#fork(index + 1));
    try {
      await Promise.all(listening);
    } catch (cause) {
      pool.#killAll();
      throw cause;
    }
    pool.#isStarted = true;
    return pool;
  }

  private constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** How many take connections. */
  get ready(): number {
    return [...this.#members].filter(({ isReady }) => isReady).length;
  }

  /** How many have died so far. */
  get deaths(): number {
    return this.#deaths;
  }

  /** The metrics of all, in Prometheus' text. */
  async metrics(ofPrimary: MetricsSnapshot): Promise<string> {
    const told = [...this.#members].filter(({ isReady }) => isReady).map(asked);
    const late = new AbortController();
    await Promise.race([Promise.all(told), delay(METRICS_TIMEOUT_MS, undefined, late)]);
    late.abort();
    return this.#metrics.text(ofPrimary);
  }

  /** Has every worker serve what is in flight, and end. Resolves when all have ended. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    const ended = [...this.#members].map((member) => this.#stopOne(member, timeoutMs));
    await Promise.all(ended);
  }

  async #stopOne({ process, isReady }: Member, timeoutMs: number): Promise<void> {
    const exit = once(process, 'exit');
    // One that does not listen yet has nothing to end.
    if (isReady) send(process, { type: 'stop', timeoutMs });
    else process.process.kill('SIGKILL');
    const late = setTimeout(() => process.process.kill('SIGKILL'), timeoutMs + STOP_GRACE_MS);
    await exit;
    clearTimeout(late);
  }

  #killAll(): void {
    this.#isStopping = true;
    for (const { process } of this.#members) process.process.kill('SIGKILL');
  }

  /** Resolves when it listens. */
  #fork(number: number): Promise<void> {
    const { log } = this.#options;
    const process = cluster.fork({ [WORKER_VARIABLE]: number });
    const member: Member = { process, number, startedMs: performance.now(), isReady: false, waiting: [] };
    this.#members.add(member);
    this.#relayLines(process);
    const listening = new Promise<void>((resolve, reject) => {
      process.on('message', (message: ToPrimary) => {
        if (message.type !== 'ready') {
          this.#take(member, message);
          return;
        }
        member.isReady = true;
        if (this.#isStarted) this.#options.onListening();
        log.info({ worker: number, workerPid: process.process.pid }, 'worker listening');
        resolve();
      });
      process.once('exit', (code) => {
        const reason = `worker ${number} ended with ${process.process.signalCode ?? code}`;
        this.#members.delete(member);
        reject(new Error(`${reason} before it listened`));
        if (this.#isStarted) void this.#replace(member, reason);
      });
    });
    process.on('error', (error) => {
      log.debug({ worker: number, reason: error.message }, 'a message did not reach a worker');
    });
    return listening;
  }

  #relayLines({ process: { stdout } }: Worker): void {
    const lines = new WholeLines(this.#options.writeLine);
    stdout?.on('data', (chunk: Buffer) => {
      lines.push(chunk);
    });
    stdout?.once('end', () => {
      lines.end();
    });
  }

  #take(member: Member, message: ToPrimary): void {
    if (message.type === 'metrics') {
      this.#metrics.set(member.process.id, message.snapshot);
      for (const done of member.waiting.splice(0)) done();
      return;
    }
    this.#register.take(
      message,
      (answer) => {
        send(member.process, answer);
      },
      (news) => {
        for (const other of this.#members) if (other !== member) send(other.process, news);
      },
    );
  }

  async #replace({ process, number, startedMs }: Member, reason: string): Promise<void> {
    const { log, onGivenUp } = this.#options;
    await this.#metrics.bury(process.id);
    if (this.#isStopping) return;
    this.#deaths += 1;
    const delayMs = this.#restarts.delayAfter(performance.now() - startedMs);
    log.error({ worker: number, reason, delayMs }, 'a worker died');
    if (delayMs === undefined) {
      onGivenUp(`workers die as soon as they start: ${reason}`);
      return;
    }
    await delay(delayMs);
    await this.#forkUnlessStopping(number);
  }

  async #forkUnlessStopping(number: number): Promise<void> {
    if (this.#isStopping) return;
    // Its own end is told by its exit.
    await this.#fork(number).catch(() => undefined);
  }
}

/** Resolves when it has said its metrics. */
function asked(member: Member): Promise<void> {
  return new Promise((resolve) => {
    member.waiting.push(resolve);
    send(member.process, { type: 'collect' });
  });
}

function send(worker: Worker, message: ToWorker): void {
  // One that has just died is told by its exit.
  if (worker.isConnected()) worker.send(message, undefined, () => undefined);
}
