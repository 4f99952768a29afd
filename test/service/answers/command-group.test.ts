import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { CommandGroup, type Past } from '../../../service/src/answers/command-group';
import { TOPOLOGIES, type Topology } from '../fixture';

const STREAM = 'ai:commands';
const nothing = (): void => undefined;
const ALL = { tenants: ['busy'], commands: 1_000, bytes: 1_000_000 };

describe.each(['one server', 'a cluster'])(
  'a group of workers on %s, past the commands of a busy tenant',
  (name) => {
    let topology: Topology;
    let group: CommandGroup;

    beforeAll(async () => {
      const started = await TOPOLOGIES[name]?.();
      if (started === undefined) throw new Error(`no topology ${name}`);
      topology = started;
      const place = { stream: STREAM, group: 'ai', cancels: 'unused' };
      group = new CommandGroup(topology.redis, topology.redis, place, 5000);
    }, 60_000);
    beforeEach(() => group.create());
    afterEach(() => topology.redis.del(STREAM));
    afterAll(() => topology.stop());

    async function add(tenant: string, count: number): Promise<void> {
      for (let i = 0; i < count; i += 1)
        await topology.redis.xadd(STREAM, '*', 'tenant', tenant, 'data', 'x'.repeat(100));
    }

    /** The tenants of the commands that one call reads, four at a time. */
    async function read(past: Past): Promise<string[]> {
      const deliveries = await group.readPast('me', 4, past, nothing);
      expect(deliveries.every(({ fence }) => fence === 1)).toBe(true);
      return deliveries.map(({ fields }) => fields[1] ?? '');
    }

    it('reads in one call until one comes of another tenant, and no further', async () => {
      await add('busy', 41);
      await add('other', 3);
      await add('busy', 10);
      const first = await read(ALL);
      expect([first.length, first.indexOf('other')]).toEqual([44, 41]);
      expect(await read(ALL)).toHaveLength(10);
      expect(await read(ALL)).toEqual([]);
    });

    it('takes no more than four of another tenant, whom other workers may answer', async () => {
      await add('busy', 4);
      await add('other', 10);
      expect(await read(ALL)).toHaveLength(8);
      expect(await read({ ...ALL, tenants: [] })).toHaveLength(4);
    });

    it('finds what a lost reply had, under the count that Redis has of it then', async () => {
      await add('busy', 2);
      const [first, second] = await group.readPast('me', 4, { ...ALL, tenants: [] }, nothing);
      const found = await group.missing('me', (entryId) => entryId === first?.entryId);
      expect(found.map(({ entryId, fence }) => [entryId, fence])).toEqual([[second?.entryId, 2]]);
      const pending = (await topology.redis.xpending(STREAM, 'ai', '-', '+', 10)) as [string, ...unknown[]][];
      expect(pending.map(([id, , , count]) => [id, count])).toEqual([
        [first?.entryId, 1],
        [second?.entryId, 2],
      ]);
    });

    it('goes no further than it is told, by commands and by bytes', async () => {
      await add('busy', 40);
      expect(await read({ ...ALL, commands: 10 })).toHaveLength(12);
      expect(await read({ ...ALL, bytes: 1 })).toHaveLength(4);
      expect(await read({ ...ALL, bytes: 600 })).toHaveLength(8);
    });

    it('goes past several tenants', async () => {
      await add('busy', 6);
      await add('full', 6);
      await add('other', 1);
      expect(await read({ ...ALL, tenants: ['busy', 'full'] })).toHaveLength(13);
    });
  },
);

it('a cancel is told also after the clock of Redis was set back, by less and by more than it is kept, and behind one that is not', async () => {
  const topology = await TOPOLOGIES['one server']?.();
  if (topology === undefined) throw new Error('expected one server');
  const redis = topology.redis as Redis;
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, { lua, ...more }) => {
    define(name, { lua: lua.replace("redis.call('TIME')", "{ redis.call('GET', 'clock'), '0' }"), ...more });
  };
  const group = new CommandGroup(redis, redis, { stream: STREAM, group: 'ai', cancels: 'cancels' }, 5000);
  await group.create();
  const told = async (nowSeconds: number, id: string): Promise<readonly string[]> => {
    await redis.set('clock', nowSeconds);
    await group.cancel({ entryId: '1-1', session: 's', id });
    return (await group.beat('me')).map((cancel) => cancel.id);
  };
  const hour = 3600;
  expect(await told(2 * hour, 'a')).toEqual(['a']);
  expect(await told(2 * hour - 3, 'b')).toEqual(['a', 'b']);
  expect(await told(hour, 'c')).toEqual(['b', 'c']);
  expect(await told(3 * hour, 'd')).toEqual(['d']);
  await redis.del('cancels');
  expect(await group.beat('me')).toEqual([]);
  expect(await told(2 * hour, 'e')).toEqual(['e']);
  await topology.stop();
});
