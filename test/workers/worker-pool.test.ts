import cluster from 'node:cluster';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { WorkerPool, type PoolWorker } from '../../workers/worker-pool';

interface Here {
  readonly type: 'here';
  readonly number: number;
  readonly pid: number;
}
interface Told {
  readonly type: 'begin' | 'end';
}
const pools: WorkerPool<Here, Told>[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end({ type: 'end' })));
});

/** Two workers, each of which waits until it may begin. */
function twoWorkers() {
  const news = new EventEmitter();
  const here: (Here & { readonly tell: PoolWorker<Told>['send'] })[] = [];
  const started = WorkerPool.start<Here, Told>({
    count: 2,
    file: join(__dirname, 'worker.cjs'),
    environment: (number) => ({ NUMBER: number }),
    log: pino({ level: 'silent' }),
    writeLine: () => undefined,
    onMessage(message, { send }) {
      here.push({ ...message, tell: send });
      news.emit('here');
    },
    onGivenUp: () => undefined,
  });
  void started.then((pool) => pools.push(pool)).catch(() => undefined);
  return {
    started,
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
