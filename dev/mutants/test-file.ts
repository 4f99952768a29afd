import { jestExpect } from '@jest/expect';
import { ModernFakeTimers } from '@jest/fake-timers';
import * as circus from 'jest-circus';
import { ModuleMocker } from 'jest-mock';
import { loadAnew, provide } from './load';
import { within } from './limit';

const mocker = new ModuleMocker(globalThis);
const timers = new ModernFakeTimers({ config: { fakeTimers: {} } as never, global: globalThis });
const jest = new Proxy(
  {},
  {
    get: (_, name) => {
      const owner = (name in mocker ? mocker : timers) as unknown as Record<PropertyKey, () => unknown>;
      return owner[name]?.bind(owner);
    },
  },
);
const { describe, it, test, beforeAll, beforeEach, afterAll, afterEach } = circus;
provide({ describe, it, test, beforeAll, beforeEach, afterAll, afterEach, expect: jestExpect, jest });

/** As jest-circus keeps it. */
type Block = ReturnType<typeof circus.getState>['rootDescribeBlock'];
type Work = () => unknown;

/** A test, and the blocks around it from the outermost on. */
export interface Test {
  readonly name: string;
  readonly run: Work;
  readonly blocks: readonly Block[];
}

/** Loads a file of tests, and all of ours that it imports, anew. */
export function testsOf(file: string): readonly Test[] {
  circus.resetState();
  loadAnew(file);
  return testsIn(circus.getState().rootDescribeBlock, []);
}

function testsIn(block: Block, around: readonly Block[]): readonly Test[] {
  const blocks = [...around, block];
  return block.children.flatMap((child) => {
    if (child.mode === 'skip' || child.mode === 'todo') return [];
    if (child.type === 'describeBlock') return testsIn(child, blocks);
    const name = [...blocks.slice(1), child].map((each) => each.name).join(' ');
    return [{ name, run: child.fn as Work, blocks }];
  });
}

/** Runs tests of one file, one after the other, and what is to be done before and after them. */
export class Session {
  readonly #limitMs: number;
  #open: readonly Block[] = [];

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Readies what the next test needs. */
  async prepare({ blocks }: Test): Promise<void> {
    await this.#leave(blocks);
    for (const block of blocks.slice(this.#open.length)) {
      this.#open = [...this.#open, block];
      await this.#hooks([block], 'beforeAll');
    }
  }

  async run({ blocks, run }: Test): Promise<void> {
    await within(this.#limitMs, async () => {
      try {
        await this.#hooks(blocks, 'beforeEach');
        await run();
      } finally {
        await this.#hooks([...blocks].reverse(), 'afterEach');
      }
    });
  }

  async end(): Promise<void> {
    timers.useRealTimers();
    mocker.restoreAllMocks();
    await this.#leave([]);
  }

  async #leave(kept: readonly Block[]): Promise<void> {
    const left = this.#open.filter((block) => !kept.includes(block));
    this.#open = this.#open.filter((block) => kept.includes(block));
    await this.#hooks(left.reverse(), 'afterAll');
  }

  async #hooks(blocks: readonly Block[], type: string): Promise<void> {
    for (const hook of blocks.flatMap((block) => block.hooks).filter((one) => one.type === type))
      await within(this.#limitMs, hook.fn as Work);
  }
}
