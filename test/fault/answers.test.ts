import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomInt } from 'node:crypto';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { WorkerProcess } from '../service/answers/worker-process';
import { planFrom } from './plan';
import { randomFrom } from './random';
import { until, wait } from './until';

const WORKERS = Number(process.env['WORKERS'] ?? 3);
const COMMANDS = Number(process.env['COMMANDS'] ?? 1_000);
const TENANTS = Number(process.env['TENANTS'] ?? 20);
const { seed: SEED } = planFrom(process.env, () => randomInt(1, 1_000_000_000));
/** Between two kills, at least and at most. */
const KILLS_MS = [300, 900] as const;
const TOKENS = 10;
/** So that an answer lasts long enough to be killed in the midst. */
const LEASE_MS = 2_000;
const LASTING = { TOKENS: `${TOKENS}`, TOKEN_MS: '20', OPTIONS: JSON.stringify({ leaseMs: LEASE_MS }) };
/** As slow as a model, so that what is measured is the waiting. */
const SLOW = { TOKENS: '5', TOKEN_MS: '100' };
const PATIENCE_MS = 120_000;

jest.setTimeout(2 * PATIENCE_MS);

interface Frame {
  readonly type: string;
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** All that came of each command. */
class Account {
  readonly frames = new Map<string, Frame[]>();
  readonly addedMs = new Map<string, number>();
  readonly firstMs = new Map<string, number>();
  ends = 0;

  hear(text: string): void {
    const frame = JSON.parse(text) as Frame;
    const before = this.frames.get(frame.id);
    if (before === undefined) this.firstMs.set(frame.id, performance.now());
    this.frames.set(frame.id, [...(before ?? []), frame]);
    if (isEnd(frame)) this.ends += 1;
  }

  /** From when a command was added to its first frame, of all whose id begins so, sorted. */
  waits(prefix: string): number[] {
    const ids = [...this.firstMs.keys()].filter((id) => id.startsWith(prefix));
    return ids.map((id) => (this.firstMs.get(id) ?? 0) - (this.addedMs.get(id) ?? 0)).sort((a, b) => a - b);
  }
}

let server: RedisServer;
let redis: Redis;
let ear: Redis;
let account: Account;

beforeAll(async () => {
  server = await startRedis();
  [redis, ear] = [new Redis(server.url), new Redis(server.url)];
  await ear.psubscribe('ai:stream:*');
  ear.on('pmessage', (_pattern, _channel, text) => {
    account.hear(text);
  });
});
afterAll(async () => {
  for (const connection of [redis, ear]) connection.disconnect();
  await server.stop();
});

/** Adds commands as a bridge does, in one write. */
async function add(type: string, commands: readonly { id: string; tenant: string }[]): Promise<void> {
  const step = redis.pipeline();
  for (const { id, tenant } of commands) {
    const fields = { tenant, session: tenant, type, id, data: 'null' };
    step.xadd('ai:commands', '*', ...Object.entries(fields).flat());
    account.addedMs.set(id, performance.now());
  }
  await step.exec();
}

/** How many workers Redis has heard of. */
async function consumers(): Promise<number> {
  const found = await redis.xinfo('CONSUMERS', 'ai:commands', 'ai').catch(() => []);
  return (found as unknown[]).length;
}

function isEnd({ type }: Frame): boolean {
  return type === 'complete' || type === 'error';
}

const spread = (prefix: string, count: number, tenants: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `${prefix}${i}`, tenant: `t${i % tenants}` }));

describe(`${WORKERS} workers, which are killed at random (SEED=${SEED})`, () => {
  it.each(['atMostOnce', 'atLeastOnce'])('end each answer exactly once, %s', async (delivery) => {
    account = new Account();
    await redis.flushall();
    const random = randomFrom(SEED);
    const all: WorkerProcess[] = [];
    const start = async (): Promise<WorkerProcess> => {
      const worker = await WorkerProcess.start(server.url, LASTING);
      all.push(worker);
      return worker;
    };
    const alive = await Promise.all(Array.from({ length: WORKERS }, start));
    const commands = spread('c', COMMANDS, TENANTS);
    const isOver = (): boolean => account.ends >= COMMANDS;
    const added = (async () => {
      for (let i = 0; i < COMMANDS; i += 50) {
        await add(delivery, commands.slice(i, i + 50));
        await wait(100);
      }
    })();
    let kills = 0;
    const [least, most] = KILLS_MS;
    while (!isOver() && kills < COMMANDS) {
      await until(isOver, least + random.next() * (most - least));
      const victim = random.pick(alive);
      if (isOver() || victim === undefined) break;
      victim.signal('SIGKILL');
      kills += 1;
      alive[alive.indexOf(victim)] = await start();
    }
    await added;
    const hasEnded = await until(isOver, PATIENCE_MS);
    // A second end would come of a take-over.
    await wait(3 * LEASE_MS);

    const begun = new Map<string, number>();
    for (const { begins } of all.flatMap(({ said }) => said))
      if (begins !== undefined) begun.set(begins, (begun.get(begins) ?? 0) + 1);
    const outcomes: Record<string, number> = {};
    const wrong: unknown[] = [];
    for (const { id } of commands) {
      const frames = account.frames.get(id) ?? [];
      const ends = frames.filter(isEnd);
      const last = frames.at(-1);
      const outcome = last?.type === 'error' ? String(last.data['code']) : String(last?.type);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      const times = begun.get(id) ?? 0;
      const isRight = delivery === 'atMostOnce' ? times <= 1 : times >= 1 && outcome === 'complete';
      const from = frames.findLastIndex(({ type }) => type === 'start') + 1;
      const tokens = frames.slice(from, -1).map(({ data }) => data['index']);
      const isWhole = outcome !== 'complete' || tokens.join() === [...Array(TOKENS).keys()].join();
      if (ends.length !== 1 || last === undefined || !isEnd(last) || !isRight || !isWhole)
        wrong.push({ id, times, outcome, ends: ends.length, tokens });
    }
    const [pending] = (await redis.xpending('ai:commands', 'ai')) as [number];
    const repeated = [...begun.values()].filter((times) => times > 1).length;
    process.stderr.write(
      `${delivery}: ${JSON.stringify({ commands: COMMANDS, kills, repeated, outcomes, pending })}\n`,
    );
    for (const worker of alive) worker.signal('SIGTERM');
    await Promise.all(alive.map(({ ended }) => ended));
    expect(wrong).toEqual([]);
    expect([hasEnded, pending]).toEqual([true, 0]);
    // Otherwise nothing was tried.
    expect(kills).toBeGreaterThan(0);
  });
});

describe('one tenant with nine tenths of the commands', () => {
  it('is answered beside the others, whose first tokens come almost as fast as without it', async () => {
    const figures: Record<string, number>[] = [];
    for (const crowd of [0, Math.round(COMMANDS * 0.9)]) {
      account = new Account();
      await redis.flushall();
      const workers = await Promise.all(
        Array.from({ length: WORKERS }, () => WorkerProcess.start(server.url, SLOW)),
      );
      await until(async () => (await consumers()) >= WORKERS);
      const others = spread('o', Math.round(COMMANDS * 0.1), TENANTS - 1);
      const many = Array.from({ length: crowd }, (_, i) => ({ id: `m${i}`, tenant: 'crowd' }));
      await add('atMostOnce', many);
      await add('atMostOnce', others);
      expect(await until(() => account.ends >= crowd + others.length, PATIENCE_MS)).toBe(true);
      const waits = account.waits('o');
      const mean = waits.reduce((sum, ms) => sum + ms, 0) / waits.length;
      figures.push({ p50: waits[Math.floor(waits.length / 2)] ?? 0, mean, max: waits.at(-1) ?? 0 });
      for (const worker of workers) worker.signal('SIGTERM');
      await Promise.all(workers.map(({ ended }) => ended));
    }
    const [without = {}, beside = {}] = figures;
    const lines = Object.keys(without).map((name) => {
      const [before = 0, after = 0] = [without[name], beside[name]];
      return `${name} ${before.toFixed(1)} ms without, ${after.toFixed(1)} ms beside: ${(after / before).toFixed(2)} times`;
    });
    process.stderr.write(`first token of the others: ${lines.join('; ')}\n`);
    expect(account.waits('o')).toHaveLength(Math.round(COMMANDS * 0.1));
  });
});
