import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomInt } from 'node:crypto';
import type { Redis } from 'ioredis';
import { TOPOLOGIES, type Topology } from '../service/fixture';
import { isEnd, LONG_LEASE_MS } from '../service/answers/fixture';
import { WorkerProcess } from '../service/answers/worker-process';
import { AnswerAccount, percentile } from './answer-account';
import { planFrom } from './plan';
import { randomFrom } from './random';
import { until, wait } from './until';

const WORKERS = Number(process.env['WORKERS'] ?? 3);
/** How often the waits beside one tenant are measured. */
const ROUNDS = Number(process.env['ROUNDS'] ?? 1);
const COMMANDS = Number(process.env['COMMANDS'] ?? 1_000);
const TENANTS = Number(process.env['TENANTS'] ?? 20);
const { seed: SEED } = planFrom(process.env, () => randomInt(1, 1_000_000_000));
/** Between two kills, at least and at most. */
const KILLS_MS = [300, 900] as const;
const TOKENS = 10;
/** So that an answer lasts long enough to be killed in the midst. */
const LEASE_MS = 2_000;
const LASTING = { TOKENS: `${TOKENS}`, TOKEN_MS: '20', OPTIONS: JSON.stringify({ leaseMs: LEASE_MS }) };
/** Options of workers that live until they are told to end. */
const LIVING = { leaseMs: LONG_LEASE_MS };
/** They end only when they are stopped. */
const ENDLESS = {
  TOKENS: '100000',
  TOKEN_MS: '50',
  OPTIONS: JSON.stringify({ ...LIVING, concurrency: 1_000, tenantConcurrency: 1_000 }),
};
/** Answers that are cancelled, at least. */
const CANCELLED = 60;
/** As long as an answer of a model that is quick. */
const SLOW = { TOKENS: '5', TOKEN_MS: '100', OPTIONS: JSON.stringify(LIVING) };
/** The part of the commands that are one tenant's. */
const GREEDY_PART = 0.9;
const PATIENCE_MS = 120_000;

jest.setTimeout(2 * PATIENCE_MS);

interface Command {
  readonly id: string;
  readonly tenant: string;
}

let topology: Topology;
let account: AnswerAccount;
let workers: WorkerProcess[];

/** Starts Redis, and listens to the session of each tenant. */
async function setUp(name: string, tenants: readonly string[]): Promise<void> {
  const started = await TOPOLOGIES[name]?.();
  if (started === undefined) throw new Error(`no topology ${name}`);
  topology = started;
  account = new AnswerAccount();
  for (const tenant of tenants)
    await topology.hear(`ai:stream:${tenant}`, (text) => {
      account.hear(text);
    });
}

async function startWorker(env: Readonly<Record<string, string>>): Promise<WorkerProcess> {
  const worker = await WorkerProcess.start(topology.url, env);
  workers.push(worker);
  return worker;
}

/** Starts all of them, and waits until Redis has heard of each. */
async function startWorkers(env: Readonly<Record<string, string>>): Promise<WorkerProcess[]> {
  const started = await Promise.all(Array.from({ length: WORKERS }, () => startWorker(env)));
  await until(async () => (await consumers()) >= WORKERS);
  return started;
}

beforeEach(() => {
  workers = [];
});
afterEach(async () => {
  for (const worker of workers) worker.signal('SIGKILL');
  await Promise.all(workers.map(({ ended }) => ended));
  await topology.stop();
});

/** Adds commands as a bridge does, in one write. */
async function add(type: string, commands: readonly Command[], data = 'null'): Promise<void> {
  const step = topology.redis.pipeline();
  for (const { id, tenant } of commands) {
    const fields = { tenant, session: tenant, type, id, data };
    step.xadd('ai:commands', '*', ...Object.entries(fields).flat());
  }
  const replies = (await step.exec()) ?? [];
  commands.forEach(({ id }, i) => {
    account.added(id, String(replies[i]?.[1]));
  });
}

/** ARGV: the id and the tenant of each. */
const ADD = `local added = {}
for i = 1, #ARGV, 2 do
  local tenant = ARGV[i + 1]
  added[#added + 1] = redis.call('XADD', KEYS[1], '*', 'tenant', tenant, 'session', tenant, 'type', 'atMostOnce', 'id', ARGV[i], 'data', 'null')
end
return table.concat(added, ' ')`;

/** Adds commands as bridges of other machines do: it takes this process nothing, which is to hear the answers. */
async function addFromElsewhere(commands: readonly Command[]): Promise<void> {
  const names = commands.flatMap(({ id, tenant }) => [id, tenant]);
  const added = (await (topology.redis as Redis).eval(ADD, 1, 'ai:commands', ...names)) as string;
  for (const [i, entryId] of added.split(' ').entries()) account.added(commands[i]?.id ?? '', entryId);
}

/** How many workers Redis has heard of. */
async function consumers(): Promise<number> {
  const found = await topology.redis.xinfo('CONSUMERS', 'ai:commands', 'ai').catch(() => []);
  return (found as unknown[]).length;
}

async function pending(): Promise<number> {
  const [count] = (await (topology.redis as Redis).xpending('ai:commands', 'ai')) as [number];
  return count;
}

/** How often the handler of each command was begun, by its id. */
function beginnings(): ReadonlyMap<string, number> {
  const begun = new Map<string, number>();
  for (const { begins } of workers.flatMap(({ said }) => said))
    if (begins !== undefined) begun.set(begins, (begun.get(begins) ?? 0) + 1);
  return begun;
}

/** How many workers have begun an answer. */
function busyWorkers(): number {
  return workers.filter(({ said }) => said.some(({ begins }) => begins !== undefined)).length;
}

const tenantNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${i}`);
const spread = (prefix: string, count: number, tenants: number): Command[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${prefix}${i}`, tenant: `t${i % tenants}` }));
const say = (line: string): boolean => process.stderr.write(`${line}\n`);

describe.each(['one server', 'a cluster'])(`${WORKERS} workers on %s (SEED=${SEED})`, (name) => {
  beforeEach(() => setUp(name, tenantNames(TENANTS)), PATIENCE_MS);

  it.each(['atMostOnce', 'atLeastOnce'])(
    'that are killed at random end each answer exactly once, %s',
    async (delivery) => {
      const random = randomFrom(SEED);
      const alive = await startWorkers(LASTING);
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
        alive[alive.indexOf(victim)] = await startWorker(LASTING);
      }
      await added;
      const hasEnded = await until(isOver, PATIENCE_MS);
      // A second end would come of a take-over.
      await wait(3 * LEASE_MS);

      const begun = beginnings();
      const outcomes: Record<string, number> = {};
      const wrong: unknown[] = [];
      for (const { id } of commands) {
        const frames = account.frames.get(id) ?? [];
        const ends = frames.filter(isEnd);
        const last = frames.at(-1);
        const outcome = account.outcome(id);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        const times = begun.get(id) ?? 0;
        const isRight = delivery === 'atMostOnce' ? times <= 1 : times >= 1 && outcome === 'complete';
        const from = frames.findLastIndex(({ type }) => type === 'start') + 1;
        const tokens = frames.slice(from, -1).map(({ data }) => data['index']);
        const isWhole = outcome !== 'complete' || tokens.join() === [...Array(TOKENS).keys()].join();
        if (ends.length !== 1 || last === undefined || !isEnd(last) || !isRight || !isWhole)
          wrong.push({ id, times, outcome, ends: ends.length, tokens });
      }
      let left = NaN;
      // Behind its last frame a killed worker may have acknowledged nothing: others do so when its lease is over.
      await until(async () => (left = await pending()) === 0, PATIENCE_MS);
      const repeated = [...begun.values()].filter((times) => times > 1).length;
      say(
        `${name}, ${delivery}: ${JSON.stringify({ commands: COMMANDS, kills, repeated, outcomes, pending: left })}`,
      );
      expect(wrong).toEqual([]);
      expect([hasEnded, left]).toEqual([true, 0]);
      // Otherwise nothing was tried.
      expect(kills).toBeGreaterThan(0);
    },
  );

  it('stop each answer that is cancelled, whichever of them has it and whichever hears of it', async () => {
    await startWorkers(ENDLESS);
    const commands: Command[] = [];
    // Otherwise each was cancelled where it was: a worker that came late may find none of the first ones.
    while (busyWorkers() < WORKERS) {
      const more = spread(`c${commands.length}-`, CANCELLED, TENANTS);
      await add('atMostOnce', more);
      commands.push(...more);
      expect(await until(() => account.frames.size === commands.length, PATIENCE_MS)).toBe(true);
    }
    const cancels = new Map(commands.map(({ id }) => [id, `stop-${id}`]));
    for (const { id, tenant } of commands)
      await add('cancel', [{ id: cancels.get(id) ?? '', tenant }], JSON.stringify({ id }));
    expect(await until(() => account.ends === commands.length, PATIENCE_MS)).toBe(true);
    expect(new Set(commands.map(({ id }) => account.outcome(id)))).toEqual(new Set(['CANCELLED']));
    expect([...account.frames.values()].every((frames) => frames.filter(isEnd).length === 1)).toBe(true);
    const stopsMs = account.stopsMs(cancels);
    const figures = [50, 99, 100].map(
      (percent) => `p${percent} ${percentile(stopsMs, percent).toFixed(0)} ms`,
    );
    say(
      `${name}, from a cancel to the end of its answer on one of ${WORKERS} workers: ${figures.join(', ')}`,
    );
  });
});

describe.each(['one server', 'a cluster'])('one tenant with nine tenths of the commands on %s', (name) => {
  const greedy = Math.round(COMMANDS * GREEDY_PART);
  const others = spread('o', COMMANDS - greedy, TENANTS - 1);

  /** @returns how long the others waited for their first token, the shortest first */
  async function waitsBeside(count: number, firstMs: number, isWhole: boolean): Promise<readonly number[]> {
    await setUp(name, [...tenantNames(TENANTS - 1), 'greedy']);
    const began = await startWorkers({ ...SLOW, FIRST_MS: `${firstMs}` });
    const many = Array.from({ length: count }, (_, i) => ({ id: `m${i}`, tenant: 'greedy' }));
    await addFromElsewhere([...many, ...others]);
    expect(await until(() => account.waitsMs('o').length === others.length, PATIENCE_MS)).toBe(true);
    const waits = account.waitsMs('o');
    if (isWhole) expect(await until(() => account.ends >= count + others.length, PATIENCE_MS)).toBe(true);
    for (const worker of began) worker.signal(isWhole ? 'SIGTERM' : 'SIGKILL');
    await Promise.all(began.map(({ ended }) => ended));
    return waits;
  }

  // All of its answers take half a minute.
  it.each([
    { firstMs: 200, isAllAnswered: name === 'one server' },
    { firstMs: 0, isAllAnswered: false },
  ])(
    'is not begun for the most part before the others have their first tokens, of $firstMs ms each',
    async ({ firstMs, isAllAnswered }) => {
      const [without, beside]: [number[], number[]] = [[], []];
      for (let round = 0; round < ROUNDS; round += 1) {
        without.push(...(await waitsBeside(0, firstMs, true)));
        await topology.stop();
        beside.push(...(await waitsBeside(greedy, firstMs, isAllAnswered)));
        if (round + 1 < ROUNDS) await topology.stop();
      }
      for (const waits of [without, beside]) waits.sort((one, other) => one - other);
      const lines = [50, 90, 99].map((percent) => {
        const [before, after] = [percentile(without, percent), percentile(beside, percent)];
        return `p${percent} ${before.toFixed(1)} ms without it, ${after.toFixed(1)} ms beside it: ${(after / before).toFixed(2)} times`;
      });
      const begun = account.begunBefore('m', 'o');
      say(
        `${name}, first token of the others, ${firstMs} ms at its handler: ${lines.join('; ')}; ${begun} of ${greedy} commands of it were begun by then`,
      );
      expect(beside).toHaveLength(ROUNDS * others.length);
      expect(begun).toBeLessThan(greedy / 2);
    },
  );
});
