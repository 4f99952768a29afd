import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** A program to run as a child of this one. */
export interface ChildPlan {
  /** For messages and for the name of its log. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process' environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** A part of the line with which it says that it is ready. */
  readonly readyWhen: string;
  readonly logFile: string;
  /** The signal that ends it. Default: SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
}

/** A child that ended although nobody asked it to. */
export class ChildEnded extends Error {
  override readonly name = 'ChildEnded';
  readonly code = 'ERR_CHILD_ENDED';
}

/** A child that does not say that it is ready. */
export class ChildLate extends Error {
  override readonly name = 'ChildLate';
  readonly code = 'ERR_CHILD_LATE';
}

/** How long a child may take until it is ready, in milliseconds: long for a busy machine. */
const START_MS = 60_000;
/** How many of its last lines are shown when a child dies. */
const SHOWN_LINES = 20;
/** Milliseconds that a child has to end after its signal, unless told otherwise. */
const STOP_MS = 5_000;

/** A running child. Its output goes to a file, its last lines are kept. */
export class Child {
  readonly plan: ChildPlan;
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  /** Rejects with {@link ChildEnded} when the child ends by itself; never resolves. */
  readonly failed: Promise<never>;
  #stopping = false;

  private constructor(plan: ChildPlan) {
    this.plan = plan;
    const env = { ...process.env, ...plan.env };
    this.#process = spawn(plan.command, plan.args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.failed = new Promise((_, reject) => {
      this.#process.once('error', (cause) => {
        reject(new ChildEnded(`${plan.name} cannot be started: ${cause.message}`));
      });
      this.#process.once('close', (code, signal) => {
        if (this.#stopping) return;
        const how = code === null ? `was ended by ${signal ?? 'a signal'}` : `ended with code ${code}`;
        reject(new ChildEnded(this.#said(how)));
      });
    });
    this.failed.catch(() => undefined);
    const kill = (): void => void this.#process.kill('SIGKILL');
    process.once('exit', kill);
    this.#process.once('close', () => process.off('exit', kill));
  }

  /**
   * Starts it and waits until it says that it is ready. Returns the line with which it did.
   * @throws ChildEnded, ChildLate
   */
  static async start(plan: ChildPlan, patienceMs = START_MS): Promise<{ child: Child; line: string }> {
    const child = new Child(plan);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new ChildLate(child.#said(`is not ready after ${patienceMs / 1000} seconds`)));
        void child.stop('SIGKILL');
      }, patienceMs);
    });
    const line = await Promise.race([child.#ready(), child.failed, late]).finally(() => {
      clearTimeout(timer);
    });
    return { child, line };
  }

  /** Ends it, after `patienceMs` by force. */
  async stop(
    signal: NodeJS.Signals = this.plan.stopSignal ?? 'SIGTERM',
    patienceMs = STOP_MS,
  ): Promise<void> {
    this.#stopping = true;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill(signal);
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), patienceMs);
    await ended;
    clearTimeout(timer);
  }

  /** Its end, with its last lines. */
  #said(what: string): string {
    const { name } = this.plan;
    if (this.#lines.length === 0) return `${name} ${what}; it said nothing`;
    return [`${name} ${what}; it said:`, ...this.#lines].join('\n');
  }

  #ready(): Promise<string> {
    const log = createWriteStream(this.plan.logFile, { flags: 'a' });
    this.#process.once('close', () => log.end());
    return new Promise((resolve) => {
      for (const stream of [this.#process.stdout, this.#process.stderr]) {
        if (stream === null) continue;
        createInterface({ input: stream }).on('line', (line) => {
          log.write(`${line}\n`);
          this.#lines.push(line);
          if (this.#lines.length > SHOWN_LINES) this.#lines.shift();
          if (line.includes(this.plan.readyWhen)) resolve(line);
        });
      }
    });
  }
}
