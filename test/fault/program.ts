import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

/** It gives a process a clock that can be set. */
const STEPPED_DATE = join(__dirname, 'stepped-date.cjs');
/** It collects garbage when it is asked to. */
const COLLECT_GARBAGE = join(__dirname, 'collect-garbage.cjs');
/** Log levels from here on are of something that is wrong. */
const WARN = 40;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** How a program is run. */
export interface ProgramOptions {
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** How far its wall clock is from the truth at the start, in milliseconds; undefined for a clock that cannot be set. */
  readonly clockMs?: number | undefined;
}

/** The memory of a program once all garbage is collected. */
export interface Memory {
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
}

/** A line of a program's log. */
export interface LogEntry {
  readonly level: number;
  readonly msg: string;
  readonly [name: string]: unknown;
}

/** One of the programs as it is shipped, in a process of its own. */
export class Program {
  /** Settles with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** The lines that it logged of things that are wrong, the latest last. */
  readonly warnings: LogEntry[] = [];
  /** The line in which it logged that it listens. */
  readonly listening: Promise<LogEntry>;
  /** The processes of its workers by number, of each the latest; none where it is one process. */
  readonly workers = new Map<number, number>();
  readonly #child: ChildProcess;
  #lines: Interface | undefined;

  /** @throws Error when it is not built */
  constructor(file: string, { args = [], env, clockMs }: ProgramOptions) {
    if (!existsSync(file)) throw new Error(`${file} is missing: npm run build`);
    const isStepped = clockMs !== undefined;
    const child = spawn(
      process.execPath,
      [...(isStepped ? ['--require', STEPPED_DATE, '--require', COLLECT_GARBAGE] : []), file, ...args],
      {
        cwd: '/',
        env: {
          PATH: process.env['PATH'],
          ...(isStepped && { CLOCK_OFFSET_MS: `${clockMs}` }),
          ...env,
        },
        stdio: ['ignore', 'pipe', 'inherit', ...(isStepped ? ['ipc' as const] : [])],
      },
    );
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.ended = endOf(child);
    this.listening = this.#listens(file);
    this.listening.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Reads its log no more until it is told to again, as a collector that hangs: what it writes piles up in the pipe. */
  readLog(isRead: boolean): void {
    if (isRead) this.#lines?.resume();
    else this.#lines?.pause();
  }

  /** Sets its wall clock, so far from the truth; resolves once it is set. */
  async setClock(offsetMs: number): Promise<void> {
    await this.#ask(offsetMs, (answer) => answer === offsetMs);
  }

  /**
   * Collects all garbage of one whose clock can be set.
   * @throws Error when it has ended
   */
  async collectGarbage(): Promise<Memory> {
    const memory = await this.#ask('collect', (answer) => typeof answer === 'object');
    if (memory === undefined) throw new Error('expected a program that runs');
    return memory as Memory;
  }

  /** Asks it over IPC. @returns undefined when it ended before its answer */
  #ask(question: number | string, isAnswer: (message: unknown) => boolean): Promise<unknown> {
    const answered = new Promise((resolve) => {
      const take = (message: unknown): void => {
        if (!isAnswer(message)) return;
        this.#child.off('message', take);
        resolve(message);
      };
      this.#child.on('message', take);
      // One that it cannot be sent to has ended.
      this.#child.send(question, () => undefined);
    });
    return Promise.race([answered, this.ended.then(() => undefined)]);
  }

  #listens(file: string): Promise<LogEntry> {
    return new Promise((resolve, reject) => {
      void this.ended.then((how) => {
        reject(new Error(`${file} ended with ${how} before it listened`));
      });
      if (this.#child.stdout === null) return;
      this.#lines = createInterface({ input: this.#child.stdout }).on('line', (line) => {
        const entry = JSON.parse(line) as LogEntry;
        if (entry.msg === 'listening') resolve(entry);
        if (entry.level >= WARN) this.warnings.push(entry);
        if (entry.msg === 'worker listening')
          this.workers.set(Number(entry['worker']), Number(entry['workerPid']));
      });
    });
  }
}

async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals];
  return code ?? signal;
}
