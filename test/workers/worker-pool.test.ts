import cluster from 'node:cluster';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { MAX_SHORT_LIVES } from '../../workers/restarts';
import { MAX_LOOKS_BEFORE_READY, MAX_UNHEARD_LOOKS } from '../../workers/silence';
import { WorkerPool, type PoolWorker } from '../../workers/worker-pool';

interface Here {
  readonly type: 'here';
  readonly number: number;
  readonly pid: number;
}
interface Told {
  readonly type: 'begin' | 'end';
}
/** Linux takes no variable of more than 128 KiB. */
const TOO_LARGE = { TOO_LARGE: 'x'.repeat(200_000) };
const pools: WorkerPool<Here, Told>[] = [];
afterEach(async () => {
  cluster.setupPrimary({ cwd: process.cwd() });
  await Promise.all(pools.splice(0).map((pool) => pool.end({ type: 'end' })));
});

/** Two workers, each of which waits until it may begin. @param environment of each, beside its number */
function twoWorkers(environment: () => Readonly<Record<string, string>> = () => ({})) {
  const news = new EventEmitter();
  let forks = 0;
  let look = (): void => undefined;
  const lines: unknown[] = [];
  const here: (Here & { readonly tell: PoolWorker<Told>['send'] })[] = [];
  const started = WorkerPool.start<Here, Told>({
    count: 2,
    file: join(__dirname, 'worker.cjs'),
    environment(number) {
      forks += 1;
      news.emit('fork');
      return { NUMBER: number, ...environment() };
    },
    log: pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) }),
    writeLine: () => undefined,
    onMessage(message, { send }) {
      here.push({ ...message, tell: send });
      news.emit('here');
    },
    onGivenUp: () => undefined,
    eachLook(callBack) {
      look = callBack;
      return () => (look = () => undefined);
    },
  });
  void started.then((pool) => pools.push(pool)).catch(() => undefined);
  return {
    started,
    lines,
    /** Looks so often. @param answering so many workers each time, and waits for them */
    async look(times: number, answering: number) {
      for (let time = 0; time < times; time += 1) {
        const answered = messages(answering);
        look();
        await answered;
      }
    },
    /** Resolves when so many processes were asked for. */
    async forked(count: number) {
      while (forks < count) await once(news, 'fork');
    },
    /** A process of a worker, which is none of these. */
    async worker(number: number, ...but: readonly number[]) {
      for (;;) {
        const found = here.find((worker) => worker.number === number && !but.includes(worker.pid));
        if (found !== undefined) return found;
        await once(news, 'here');
      }
    },
  };
}

/** Resolves when so many messages of workers have come. */
async function messages(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await once(cluster, 'message');
}

/** Resolves when the pool has heard that it takes connections. */
async function begin({ tell }: { readonly tell: PoolWorker<Told>['send'] }): Promise<void> {
  const isHeard = once(cluster, 'message');
  tell({ type: 'begin' });
  await isHeard;
}

describe('a pool of workers', () => {
  it('has another come in place of one that died while others had not begun yet', async () => {
    const workers = twoWorkers();
    const [one, two] = await Promise.all([workers.worker(1), workers.worker(2)]);
    await begin(one);
    const died = once(cluster, 'exit');
    process.kill(one.pid, 'SIGKILL');
    await died;
    await begin(two);
    const pool = await workers.started;
    expect(pool.deaths).toBe(1);
    await begin(await workers.worker(1, one.pid));
    expect(pool.ready).toBe(2);
  });

  it('has another come also for one that came so and died before it listened', async () => {
    const workers = twoWorkers();
    const [one, two] = await Promise.all([workers.worker(1), workers.worker(2)]);
    await begin(one);
    process.kill(one.pid, 'SIGKILL');
    const second = await workers.worker(1, one.pid);
    const died = once(cluster, 'exit');
    process.kill(second.pid, 'SIGKILL');
    await died;
    await begin(two);
    const pool = await workers.started;
    expect(pool.deaths).toBe(2);
    await begin(await workers.worker(1, one.pid, second.pid));
    expect(pool.ready).toBe(2);
  });

  it('tries again for one whose process could not be begun', async () => {
    const workers = twoWorkers();
    const [one, two] = await Promise.all([workers.worker(1), workers.worker(2)]);
    await Promise.all([begin(one), begin(two)]);
    const pool = await workers.started;
    cluster.setupPrimary({ cwd: '/is/not/there' });
    process.kill(one.pid, 'SIGKILL');
    await workers.forked(3);
    cluster.setupPrimary({ cwd: process.cwd() });
    await begin(await workers.worker(1, one.pid));
    expect([pool.ready, pool.deaths]).toEqual([2, 1]);
  });

  it('tries again for one that the system refused at once', async () => {
    let more = {};
    const workers = twoWorkers(() => more);
    const [one, two] = await Promise.all([workers.worker(1), workers.worker(2)]);
    await Promise.all([begin(one), begin(two)]);
    const pool = await workers.started;
    more = TOO_LARGE;
    process.kill(one.pid, 'SIGKILL');
    // With the one that was killed as often as ends a pool whose workers die young.
    await workers.forked(2 + MAX_SHORT_LIVES - 1);
    more = {};
    await begin(await workers.worker(1, one.pid));
    expect([pool.ready, pool.deaths]).toEqual([2, 1]);
    expect(workers.lines).toContainEqual(
      expect.objectContaining({ msg: 'a worker could not be started', worker: 1, reason: 'spawn E2BIG' }),
    );
  });

  it.each([
    ['could not be begun', '/is/not/there', {}, 'ENOENT'],
    ['the system refused at once', process.cwd(), TOO_LARGE, 'E2BIG'],
  ])('does not start, and says why, when the process of one %s', async (_, cwd, environment, code) => {
    cluster.setupPrimary({ cwd });
    await expect(twoWorkers(() => environment).started).rejects.toThrow(code);
  });

  it('goes on with workers whose metrics cannot be read', async () => {
    const workers = twoWorkers();
    for (const number of [1, 2]) await begin(await workers.worker(number));
    const pool = await workers.started;
    expect(await pool.metrics([])).toBe('\n');
    expect(await pool.ask('number')).toEqual(['1', '2']);
    expect(pool.deaths).toBe(0);
  });

  it('ends all of them although a message to one could not be delivered', async () => {
    const workers = twoWorkers();
    for (const number of [1, 2]) await begin(await workers.worker(number));
    const pool = await workers.started;
    const ended = pool.end({ type: 'end' });
    for (const each of Object.values(cluster.workers ?? {})) each?.emit('error', new Error('EPIPE'));
    await ended;
    expect(pool.isEmpty).toBe(true);
  });
});

describe('a worker that hangs', () => {
  it('is killed and replaced once it was not heard for so many looks, and no other is', async () => {
    const workers = twoWorkers();
    const [one, two] = await Promise.all([workers.worker(1), workers.worker(2)]);
    await Promise.all([begin(one), begin(two)]);
    const pool = await workers.started;
    process.kill(one.pid, 'SIGSTOP');
    await workers.look(MAX_UNHEARD_LOOKS, 1);
    expect(pool.hangs).toBe(0);
    const exit = once(cluster, 'exit');
    await workers.look(1, 1);
    await exit;
    await begin(await workers.worker(1, one.pid));
    expect([pool.ready, pool.hangs, pool.deaths]).toEqual([2, 1, 1]);
    expect(workers.lines).toContainEqual(
      expect.objectContaining({ msg: 'a worker hangs: it is killed', worker: 1, workerPid: one.pid }),
    );
    expect(workers.lines).toContainEqual(
      expect.objectContaining({ msg: 'a worker died', reason: 'worker 1 did not answer for 15000 ms' }),
    );
  });

  it('before it listens is killed and replaced as well, after more looks', async () => {
    const workers = twoWorkers();
    const [one, two] = await Promise.all([workers.worker(1), workers.worker(2)]);
    await Promise.all([begin(one), begin(two)]);
    const pool = await workers.started;
    process.kill(one.pid, 'SIGKILL');
    const silent = await workers.worker(1, one.pid);
    await workers.look(MAX_LOOKS_BEFORE_READY - 1, 1);
    expect(pool.hangs).toBe(0);
    const exit = once(cluster, 'exit');
    await workers.look(1, 1);
    await exit;
    await begin(await workers.worker(1, one.pid, silent.pid));
    expect([pool.ready, pool.hangs, pool.deaths]).toEqual([2, 1, 2]);
    expect(workers.lines).toContainEqual(
      expect.objectContaining({ msg: 'a worker died', reason: 'worker 1 did not listen within 60000 ms' }),
    );
  });

  it('before it listens ends the start, which says so', async () => {
    const workers = twoWorkers();
    await Promise.all([workers.worker(1), workers.worker(2)]);
    await workers.look(MAX_LOOKS_BEFORE_READY, 0);
    await expect(workers.started).rejects.toThrow(/^worker [12] did not listen within 60000 ms$/);
  });

  it('is not waited for when all are to end', async () => {
    const workers = twoWorkers();
    const [one, two] = await Promise.all([workers.worker(1), workers.worker(2)]);
    await Promise.all([begin(one), begin(two)]);
    const pool = await workers.started;
    process.kill(one.pid, 'SIGSTOP');
    const gone = once(cluster, 'exit');
    const ended = pool.end({ type: 'end' });
    await gone;
    await workers.look(MAX_UNHEARD_LOOKS + 1, 0);
    await ended;
    expect([pool.isEmpty, pool.hangs, pool.deaths]).toEqual([true, 1, 0]);
  });

  it('goes on when it runs again before that, as all do after a machine was suspended', async () => {
    const workers = twoWorkers();
    const both = await Promise.all([workers.worker(1), workers.worker(2)]);
    for (const worker of both) await begin(worker);
    const pool = await workers.started;
    for (const { pid } of both) process.kill(pid, 'SIGSTOP');
    await workers.look(MAX_UNHEARD_LOOKS, 0);
    const heard = messages(2);
    for (const { pid } of both) process.kill(pid, 'SIGCONT');
    await heard;
    await workers.look(MAX_UNHEARD_LOOKS, 2);
    expect([pool.ready, pool.hangs]).toEqual([2, 0]);
  });
});
