import cluster, { type Worker } from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { GatheredMetrics } from './gathered-metrics';
import {
  METRICS,
  SIGN_OF_LIFE,
  type FromAnyWorker,
  type Message,
  type MetricsSnapshot,
  type ToAnyWorker,
} from './messages';
import { Restarts, TRY_AGAIN_MS } from './restarts';
import {
  HANG_LIMIT_MS,
  LOOK_INTERVAL_MS,
  MAX_LOOKS_BEFORE_READY,
  onceAnInterval,
  Silence,
  type EachLook,
} from './silence';
import { WholeLines } from './whole-lines';

/** How long workers may take to answer, in milliseconds. */
export const ANSWER_TIMEOUT_MS = 1000;

/** One of a pool's workers, for who has to say something to it. */
export interface PoolWorker<Said extends Message> {
  readonly send: (message: Said) => void;
}

/** How workers are run, and who is told of them. */
export interface WorkerPoolOptions<Heard extends Message, Said extends Message> {
  readonly count: number;
  /** The file that a worker runs. */
  readonly file: string;
  readonly args?: readonly string[];
  /** A worker's variables beside the process's own. */
  readonly environment: (number: number) => Readonly<Record<string, string | number>>;
  readonly log: Logger;
  /** Takes the lines that workers log. */
  readonly writeLine: (line: string) => void;
  readonly onMessage: (message: Heard, from: PoolWorker<Said>, pool: WorkerPool<Heard, Said>) => void;
  /** A worker listens that came in place of another. */
  readonly onListening?: () => void;
  /** No worker comes any more, since they all die: the process should end. */
  readonly onGivenUp: (reason: string) => void;
  /** By default once a second. */
  readonly eachLook?: EachLook;
}

/** One worker. */
interface Member<Said extends Message> extends PoolWorker<Said> {
  readonly process: Worker;
  readonly number: number;
  readonly startedMs: number;
  isReady: boolean;
  looksBeforeReady: number;
  /** The start waits for it: when it ends before it listens, the start fails. */
  readonly isFirst: boolean;
  /** Why it ends, where that is known: in its words, when it could not start. */
  fault: string | undefined;
  readonly silence: Silence;
  /** Those who wait for its answers. */
  readonly asked: Map<number, (answer: unknown) => void>;
}

/**
 * The workers of a process. They accept on one socket that the primary bound: who has time takes a connection, and what a dead
 * worker did not accept another one does. The primary serves nobody by itself (docs/adr/0022).
 */
export class WorkerPool<Heard extends Message, Said extends Message> {
  readonly #options: WorkerPoolOptions<Heard, Said>;
  readonly #metrics = new GatheredMetrics();
  readonly #restarts = new Restarts(() => performance.now());
  readonly #members = new Set<Member<Said>>();
  #port: number | undefined;
  #lastAsk = 0;
  #isStarted = false;
  #isStopping = false;
  #deaths = 0;
  #hangs = 0;
  readonly #lookNoMore: () => void;

  /** Starts all workers. @throws when one ends before it listens */
  static async start<Heard extends Message, Said extends Message>(
    options: WorkerPoolOptions<Heard, Said>,
  ): Promise<WorkerPool<Heard, Said>> {
    const pool = new WorkerPool(options);
    const { file, count, args = [] } = options;
    // Workers accept by themselves: handed out by the primary, each connection would cost messages and a wait.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    // Lines of several processes in one pipe may be cut where it is full.
    cluster.setupPrimary({ exec: file, args: [...args], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    const listening = Array.from({ length: count }, (_, index) => pool.#fork(index + 1, true));
    try {
      await Promise.all(listening);
    } catch (cause) {
      pool.#killAll();
      throw cause;
    }
    pool.#isStarted = true;
    return pool;
  }

  private constructor(options: WorkerPoolOptions<Heard, Said>) {
    this.#options = options;
    const { eachLook = onceAnInterval } = options;
    this.#lookNoMore = eachLook(() => {
      for (const member of this.#members) this.#look(member);
    });
  }

  /** How many take connections. */
  get ready(): number {
    return this.#ready().length;
  }

  /** How many have died so far. */
  get deaths(): number {
    return this.#deaths;
  }

  /** How many of those that were there have hung so far, and were killed. */
  get hangs(): number {
    return this.#hangs;
  }

  /** The port that workers listen on, as the latest of them said. */
  get port(): number | undefined {
    return this.#port;
  }

  /** Whether no worker is there, nor begins: nobody holds what they listened on. */
  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  broadcast(message: Said, but?: PoolWorker<Said>): void {
    for (const member of this.#members) if (member !== but) member.send(message);
  }

  /** Asks each worker that takes connections. @returns their answers, undefined of one that has none in time */
  ask(question: string): Promise<readonly unknown[]> {
    return Promise.all(this.#ready().map((member) => this.#askOne(member, question)));
  }

  /** The metrics of all, in Prometheus' text. A late one counts with its last. */
  async metrics(ofPrimary: MetricsSnapshot): Promise<string> {
    const told = this.#ready().map(async (member) => {
      const snapshot = await this.#askOne(member, METRICS);
      if (snapshot !== undefined) this.#metrics.set(member.process.id, snapshot as MetricsSnapshot);
    });
    await Promise.all(told);
    return this.#metrics.text(ofPrimary);
  }

  /** No other worker comes for one that ends from now on. */
  stopReplacing(): void {
    this.#isStopping = true;
  }

  /**
   * Has every worker end as a message says. Resolves when all have ended.
   * @param killAfterMs when one is killed that has not ended by then, in milliseconds; never by default
   */
  async end(message: Said, killAfterMs?: number): Promise<void> {
    this.stopReplacing();
    await Promise.all([...this.#members].map((member) => endOne(member, message, killAfterMs)));
    this.#lookNoMore();
  }

  #ready(): readonly Member<Said>[] {
    return [...this.#members].filter(({ isReady }) => isReady);
  }

  #killAll(): void {
    this.stopReplacing();
    this.#lookNoMore();
    for (const { process } of this.#members) process.process.kill('SIGKILL');
  }

  #askOne(member: Member<Said>, question: string): Promise<unknown> {
    const ask = (this.#lastAsk += 1);
    return new Promise((resolve) => {
      const settle = (answer: unknown): void => {
        clearTimeout(late);
        member.asked.delete(ask);
        resolve(answer);
      };
      const late = setTimeout(settle, ANSWER_TIMEOUT_MS, undefined);
      member.asked.set(ask, settle);
      send(member.process, { type: 'ask', ask, question });
    });
  }

  /** One that hangs has clients that nobody serves. It is killed also while all end, which would wait for it. */
  #look(member: Member<Said>): void {
    const { process, number, silence, isReady } = member;
    if (!isReady) {
      member.looksBeforeReady += 1;
      if (member.looksBeforeReady !== MAX_LOOKS_BEFORE_READY) return;
      const waitedMs = MAX_LOOKS_BEFORE_READY * LOOK_INTERVAL_MS;
      this.#killHanging(member, `worker ${number} did not listen within ${waitedMs} ms`);
      return;
    }
    switch (silence.look()) {
      case 'ask':
        send(process, { type: 'ask', ask: (this.#lastAsk += 1), question: SIGN_OF_LIFE });
        return;
      case 'hangs':
        this.#killHanging(member, `worker ${number} did not answer for ${HANG_LIMIT_MS} ms`);
        return;
      case 'wait':
    }
  }

  #killHanging(member: Member<Said>, fault: string): void {
    const { process, number } = member;
    this.#hangs += 1;
    member.fault = fault;
    this.#options.log.error(
      { worker: number, workerPid: process.process.pid },
      'a worker hangs: it is killed',
    );
    process.process.kill('SIGKILL');
  }

  /** Resolves when it listens. */
  #fork(number: number, isFirst = false): Promise<void> {
    try {
      return this.#follow(cluster.fork(this.#options.environment(number)), number, isFirst);
    } catch (cause) {
      const { message } = cause as Error;
      if (!isFirst) void this.#tryAgain(number, message);
      return Promise.reject(new Error(notBegun(number, message)));
    }
  }

  /** Resolves when it listens. */
  #follow(process: Worker, number: number, isFirst: boolean): Promise<void> {
    const member: Member<Said> = {
      process,
      number,
      startedMs: performance.now(),
      isReady: false,
      looksBeforeReady: 0,
      isFirst,
      fault: undefined,
      silence: new Silence(),
      asked: new Map(),
      send: (message) => {
        send(process, message);
      },
    };
    this.#members.add(member);
    this.#relayLines(process);
    return new Promise((resolve, reject) => {
      const ended = (reason: string, startFault = reason): void => {
        reject(new Error(startFault));
        this.#bury(member, reason);
      };
      process.on('error', (error) => {
        // Without a process there is no exit.
        if (process.process.pid === undefined) {
          reject(new Error(notBegun(number, error.message)));
          this.#members.delete(member);
          if (!isFirst && !this.#isStopping) void this.#tryAgain(number, error.message);
        } else {
          this.#options.log.debug(
            { worker: number, reason: error.message },
            'a message did not reach a worker',
          );
        }
      });
      process.on('message', (message: Heard | FromAnyWorker) => {
        member.silence.heard();
        this.#take(member, message);
        if (member.isReady) resolve();
      });
      process.once('exit', (code) => {
        const reason = member.fault ?? `worker ${number} ended with ${process.process.signalCode ?? code}`;
        ended(reason, member.fault ?? `${reason} before it listened`);
      });
    });
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

  #take(member: Member<Said>, message: Heard | FromAnyWorker): void {
    if (!isOfAnyWorker(message)) {
      this.#options.onMessage(message, member, this);
      return;
    }
    switch (message.type) {
      case 'ready':
        this.#port = message.port;
        member.isReady = true;
        this.#options.log.info(
          { worker: member.number, workerPid: member.process.process.pid },
          'worker listening',
        );
        if (this.#isStarted) this.#options.onListening?.();
        return;
      case 'failed':
        member.fault = message.reason;
        return;
      case 'answer':
        member.asked.get(message.ask)?.(message.value);
    }
  }

  #bury(member: Member<Said>, reason: string): void {
    this.#members.delete(member);
    // Nobody hears it any more: its counts are among those of the dead.
    for (const settle of [...member.asked.values()]) settle(undefined);
    this.#metrics.bury(member.process.id);
    // Any other is missed, also where some begin yet: one that listened, and one that came in its place.
    const failsStart = member.isFirst && !member.isReady;
    if (!failsStart && !this.#isStopping) void this.#replace(member, reason);
  }

  async #replace({ number, startedMs }: Member<Said>, reason: string): Promise<void> {
    const { log, onGivenUp } = this.#options;
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

  /** The system may have no room for a process now. Those that are there go on, however long that lasts. */
  async #tryAgain(number: number, reason: string): Promise<void> {
    this.#options.log.error(
      { worker: number, reason, delayMs: TRY_AGAIN_MS },
      'a worker could not be started',
    );
    await delay(TRY_AGAIN_MS);
    await this.#forkUnlessStopping(number);
  }

  async #forkUnlessStopping(number: number): Promise<void> {
    if (this.#isStopping) return;
    // Its own end is told by its exit.
    await this.#fork(number).catch(() => undefined);
  }
}

async function endOne<Said extends Message>(
  { process, isReady, send: tell }: Member<Said>,
  message: Said,
  killAfterMs: number | undefined,
): Promise<void> {
  // Not events.once(), which ends with the first message that does not reach the worker.
  const exit = new Promise((resolve) => process.once('exit', resolve));
  const kill = (): void => void process.process.kill('SIGKILL');
  // One that does not listen yet has nothing to end.
  if (isReady) tell(message);
  else kill();
  const late = killAfterMs === undefined ? undefined : setTimeout(kill, killAfterMs);
  await exit;
  clearTimeout(late);
}

function notBegun(number: number, message: string): string {
  return `worker ${number} could not be started: ${message}`;
}

const TYPES: readonly string[] = ['ready', 'failed', 'answer'] satisfies FromAnyWorker['type'][];

function isOfAnyWorker(message: Message): message is FromAnyWorker {
  return TYPES.includes(message.type);
}

function send(worker: Worker, message: Message | ToAnyWorker): void {
  // One that has just died is told by its exit.
  if (worker.isConnected()) worker.send(message, undefined, () => undefined);
}
