import fc from 'fast-check';
import {
  COMMAND_BYTES_ON_THE_WAY,
  COMMANDS_ON_THE_WAY,
  CommandTurns,
  WaitedTooLong,
} from '../../../sidecar/inbound/command-turns';

const MAX_WAIT_MS = 1000;

/** A Redis that answers when it is told to, and knows what it was sent in which order. */
class SlowRedis {
  readonly sent: string[] = [];
  readonly #answers: { resolve(answer: string): void; reject(reason: Error): void }[] = [];

  send(command: string): Promise<string> {
    this.sent.push(command);
    return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }));
  }

  get onTheWay(): number {
    return this.#answers.length;
  }

  /** Answers what came first. */
  async answer(): Promise<void> {
    this.#answers.shift()?.resolve('added');
    await settled();
  }

  async fail(): Promise<void> {
    this.#answers.shift()?.reject(new Error('it is away'));
    await settled();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the turns of commands', () => {
  let now: number;
  let turns: CommandTurns;
  let redis: SlowRedis;

  beforeEach(() => {
    now = 0;
    turns = new CommandTurns(MAX_WAIT_MS, () => now);
    redis = new SlowRedis();
  });

  const take = (tenant: string, command: string, bytes = 100): Promise<string> =>
    turns.take(tenant, bytes, () => redis.send(command));

  const crowd = (tenant: string, count: number): Promise<string>[] =>
    Array.from({ length: count }, (_, number) => take(tenant, `${tenant}${number}`));

  it('let a tenant have a few commands on the way, each sent at once', () => {
    void crowd('acme', COMMANDS_ON_THE_WAY);
    expect(redis.sent).toHaveLength(COMMANDS_ON_THE_WAY);
  });

  it('keep those of another tenant from waiting behind all of them', () => {
    void crowd('evil', 10 * COMMANDS_ON_THE_WAY);
    void take('acme', 'question');
    expect(redis.sent.indexOf('question')).toBe(COMMANDS_ON_THE_WAY);
  });

  it('send the next of a tenant when one of its is answered, in their order', async () => {
    const all = crowd('acme', 3 * COMMANDS_ON_THE_WAY);
    while (redis.onTheWay > 0) await redis.answer();
    expect(redis.sent).toEqual(all.map((_, number) => `acme${number}`));
    expect(new Set(await Promise.all(all))).toEqual(new Set(['added']));
    expect(turns.size).toBe(0);
  });

  it('count what is on the way in bytes as well, and let one of any size through', async () => {
    void take('acme', 'largest', 2 * COMMAND_BYTES_ON_THE_WAY);
    void take('acme', 'small');
    expect(redis.sent).toEqual(['largest']);
    await redis.answer();
    expect(redis.sent).toEqual(['largest', 'small']);
    void take('acme', 'large', COMMAND_BYTES_ON_THE_WAY);
    expect(redis.onTheWay).toBe(1);
    await redis.answer();
    expect(redis.sent.at(-1)).toBe('large');
  });

  it('let none overtake one that waits, though it would fit', () => {
    const half = COMMAND_BYTES_ON_THE_WAY / 2;
    void take('acme', 'first', half);
    void take('acme', 'second', half + 1);
    void take('acme', 'third', 1);
    expect(redis.sent).toEqual(['first']);
  });

  it('give back the bytes of what is answered, while others are on the way', async () => {
    const third = COMMAND_BYTES_ON_THE_WAY / 3;
    for (const command of ['first', 'second', 'third', 'fourth', 'fifth']) void take('acme', command, third);
    await redis.answer();
    expect(redis.sent).toHaveLength(4);
    await redis.answer();
    expect(redis.sent).toHaveLength(5);
  });

  it('go on after a command that failed, and say so to its sender alone', async () => {
    const all = crowd('acme', COMMANDS_ON_THE_WAY + 1);
    const outcomes = Promise.allSettled(all);
    await redis.fail();
    expect(redis.sent).toHaveLength(COMMANDS_ON_THE_WAY + 1);
    while (redis.onTheWay > 0) await redis.answer();
    const [first, ...others] = await outcomes;
    expect(first).toMatchObject({ status: 'rejected', reason: { message: 'it is away' } });
    expect(others.every(({ status }) => status === 'fulfilled')).toBe(true);
  });

  it('send none that waited too long, and those that came later', async () => {
    void crowd('acme', COMMANDS_ON_THE_WAY);
    const late = take('acme', 'late').catch((error: unknown) => error);
    now = MAX_WAIT_MS;
    void take('acme', 'later');
    now = MAX_WAIT_MS + 1;
    await redis.answer();
    expect(await late).toBeInstanceOf(WaitedTooLong);
    expect(redis.sent.at(-1)).toBe('later');
    expect(redis.sent).not.toContain('late');
  });

  it('keep the order and the bounds of each tenant, whatever comes and is answered when', async () => {
    const step = fc.oneof(
      fc.record({
        tenant: fc.constantFrom('a', 'b', 'c'),
        bytes: fc.integer({ min: 1, max: 2 * COMMAND_BYTES_ON_THE_WAY }),
      }),
      fc.constantFrom('answer' as const, 'fail' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
        const all = new CommandTurns(MAX_WAIT_MS, () => 0);
        const slow = new SlowRedis();
        const onTheWay = new Map<string, number[]>();
        const given: string[] = [];
        for (const [number, one] of steps.entries()) {
          if (one === 'answer') await slow.answer();
          else if (one === 'fail') await slow.fail();
          else {
            const { tenant, bytes } = one;
            given.push(`${tenant}${number}`);
            const send = async (): Promise<unknown> => {
              const own = [...(onTheWay.get(tenant) ?? []), bytes];
              onTheWay.set(tenant, own);
              expect(own.length).toBeLessThanOrEqual(COMMANDS_ON_THE_WAY);
              if (own.length > 1) {
                expect(own.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(
                  COMMAND_BYTES_ON_THE_WAY,
                );
              }
              try {
                return await slow.send(`${tenant}${number}`);
              } finally {
                const left = onTheWay.get(tenant) ?? [];
                left.splice(left.indexOf(bytes), 1);
              }
            };
            all.take(tenant, bytes, send).catch(() => undefined);
          }
        }
        while (slow.onTheWay > 0) await slow.answer();
        expect(all.size).toBe(0);
        for (const tenant of ['a', 'b', 'c']) {
          const ofTenant = (command: string): boolean => command.startsWith(tenant);
          expect(slow.sent.filter(ofTenant)).toEqual(given.filter(ofTenant));
        }
      }),
      { numRuns: 60 },
    );
  });
});
