import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { patienceMs } from './plan';
import type { Answer, Baseline, Begun, MutantQuestion, Question, Verdict } from './question';

/** One process that runs tests with mutants, and another one when it is fit for nothing more. */
export class Judge {
  readonly #sources: Readonly<Record<string, string>>;
  readonly #program: string;
  #worker: ChildProcess | undefined;

  /** @param sources of files, by name, in place of what they have */
  constructor(sources: Readonly<Record<string, string>>, program = join(__dirname, 'worker.js')) {
    this.#sources = sources;
    this.#program = program;
  }

  /** @throws Error, when a test fails without a mutant */
  async baseline(files: readonly string[]): Promise<readonly Baseline[]> {
    const answer = await this.#ask({ kind: 'baseline', files }, 600_000);
    if (!Array.isArray(answer)) throw new Error('expected every file of tests to run without a mutant');
    const baselines = answer as readonly Baseline[];
    for (const { file, tests } of baselines)
      for (const { name, failure } of tests)
        if (failure !== undefined)
          throw new Error(`expected no failure without a mutant: ${file} ${name}: ${failure}`);
    return baselines;
  }

  /** Takes a loop for one without an end after the patience that its run is due. */
  async verdict(question: MutantQuestion): Promise<Verdict> {
    const [first] = question.runs;
    const verdict = (await this.#ask(question, first === undefined ? 0 : patienceMs(first))) as Verdict;
    if (verdict.spent) this.end();
    return verdict;
  }

  /** Ends the process, and all that tests started in it. */
  end(): void {
    const pid = this.#worker?.pid;
    this.#worker = undefined;
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It is gone.
    }
  }

  async #ask(question: Question, limitMs: number): Promise<Answer> {
    const worker = (this.#worker ??= this.#start());
    const done = new AbortController();
    const { signal } = done;
    let timer: NodeJS.Timeout | undefined;
    const wait = (ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        done.abort();
      }, ms);
    };
    wait(limitMs);
    worker.send(question);
    try {
      return await Promise.race([
        answerOf(worker, wait, signal),
        once(worker, 'exit', { signal }).then((): Verdict => ({
          status: 'killed',
          by: 'its process ended',
          spent: true,
        })),
      ]);
    } catch {
      return { status: 'timeout', spent: true };
    } finally {
      clearTimeout(timer);
      done.abort();
    }
  }

  #start(): ChildProcess {
    // A group of its own, with what tests start. It watches its standard input for the end of this process.
    const worker = fork(this.#program, { detached: true, stdio: ['pipe', 'ignore', 'inherit', 'ipc'] });
    worker.send(this.#sources);
    return worker;
  }
}

/** The answer of a worker, which says of each run before that it begins: two messages may come in one turn. */
function answerOf(worker: ChildProcess, wait: (ms: number) => void, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    const hear = (said: Answer | Begun): void => {
      if ('begun' in said) wait(patienceMs(said.begun));
      else resolve(said);
    };
    worker.on('message', hear);
    signal.addEventListener('abort', () => worker.off('message', hear));
  });
}
