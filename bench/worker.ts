import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** The calls that a worker answers: each takes one argument. */
export type Calls<C> = { readonly [K in keyof C]: (argument: never) => Promise<unknown> };

interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: string;
}

/** A process of ours that is called from this one. */
export class Worker<C extends Calls<C>> {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #calls = 0;

  /** @param script a compiled file that calls {@link answerCalls} */
  constructor(script: string) {
    this.#process = fork(script, { serialization: 'advanced' });
    this.#process.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    this.#process.once('exit', (code, signal) => {
      const failure = `${script} ended (${code ?? signal ?? 'unknown'})`;
      for (const [id, settle] of this.#waiting) settle({ id, failure });
    });
  }

  get pid(): number {
    return this.#process.pid ?? NaN;
  }

  async call<K extends keyof C & string>(
    name: K,
    argument: Parameters<C[K]>[0],
  ): Promise<Awaited<ReturnType<C[K]>>> {
    const id = (this.#calls += 1);
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#process.send({ id, name, argument } satisfies Call);
    });
    if (answer.failure !== undefined) throw new Error(`${name}: ${answer.failure}`);
    return answer.result as Awaited<ReturnType<C[K]>>;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}

/** Answers the calls of the process that started this one. It ends with that. */
export function answerCalls<C extends Calls<C>>(calls: C): void {
  process.on('message', (call: Call) => {
    void answer(calls, call);
  });
  process.once('disconnect', () => process.exit());
}

async function answer<C extends Calls<C>>(calls: C, { id, name, argument }: Call): Promise<void> {
  try {
    const handle = calls[name as keyof C] as unknown as (argument: unknown) => Promise<unknown>;
    process.send?.({ id, result: await handle(argument) } satisfies Answer);
  } catch (error) {
    process.send?.({ id, failure: error instanceof Error ? error.message : String(error) } satisfies Answer);
  }
}
