import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import type { RateLimit, RedisSettings } from '../../../plugin/config/config';
import { parseConfig } from '../../../plugin/config/parse';
import { closeStores, holdStores } from '../../../plugin/store/held-stores';
import { appliedLimits } from '../../../plugin/store/limits';
import type { StoreAnswer } from '../../../plugin/store/store';
import { DOWN_AFTER_MS, startSentinels } from '../../fakes/redis-sentinel';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { startRedisProxy } from '../../sidecar/redis-proxy';
import { rawConfig } from '../fixture';

/** More than the breaker takes of silence, all at once or one after the other. */
const ASKED = 10;
/** As Redis says it up to 7.0, and later ones and Valkey. */
const DENIED_IN_SCRIPT = /^ERR (?:The user executing the script|ACL failure in script)/;
const LIMIT: RateLimit = {
  by: 'tenant',
  rate: { limit: 1000, windowSeconds: 60, burst: 999 },
  paths: [],
  tiers: new Map(),
};

interface Line {
  readonly msg: string;
  readonly reason?: string;
}

/** A gatekeeper's questions to its Redis about upgrades, and its log. */
async function gatekeeperOn(url: string, changes: Partial<RedisSettings> = {}) {
  const lines: Line[] = [];
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line) as Line) });
  const { redis: defaults } = (await parseConfig(rawConfig())).config;
  const { shared } = holdStores({ ...defaults, url, timeoutMs: 5000, ...changes }, log);
  const subject = { tenantId: 'acme', userId: 'u1', tier: undefined, path: '/', routeId: 'r1', ip: '::1' };
  const limits = appliedLimits([LIMIT], subject, 'ws-gatekeeper:');
  return {
    ask: (jti: string): Promise<StoreAnswer> => shared.ask({ limits, revocationKey: `blacklist:${jti}` }),
    told: (msg: string): readonly string[] =>
      lines.filter((line) => line.msg === msg).map(({ reason = '' }) => reason),
  };
}

afterEach(() => {
  closeStores();
});

describe('a Redis that refuses', () => {
  let server: RedisServer;
  let admin: Redis;
  beforeAll(async () => {
    server = await startRedis((port) => ['--port', `${port}`, '--enable-protected-configs', 'yes']);
    admin = new Redis(server.url);
    await admin.set('blacklist:revoked', '1');
    await admin.acl('SETUSER', 'gatekeeper', 'on', '>secret', '~*', '+@all');
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });

  /** A snapshot that cannot be written stops the writes. */
  async function failToSave(): Promise<void> {
    await admin.config('SET', 'save', '1 1', 'dir', '/proc');
    await admin.bgsave().catch(() => undefined);
    while (!(await admin.info('persistence')).includes('rdb_last_bgsave_status:err')) await sleep(10);
  }
  async function save(): Promise<void> {
    await admin.config('SET', 'dir', '/tmp', 'save', '');
  }

  it.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    [
      'OOM',
      () => admin.config('SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction'),
      () => admin.config('SET', 'maxmemory', '0'),
    ],
    ['MISCONF', failToSave, save],
    [
      'NOREPLICAS',
      () => admin.config('SET', 'min-replicas-to-write', '1'),
      () => admin.config('SET', 'min-replicas-to-write', '0'),
    ],
    ['READONLY', () => admin.replicaof('127.0.0.1', 1), () => admin.replicaof('NO', 'ONE')],
    [
      'NOPERM',
      () => admin.acl('SETUSER', 'gatekeeper', '-eval', '-evalsha'),
      () => admin.acl('SETUSER', 'gatekeeper', '+eval', '+evalsha'),
    ],
    [
      'NOPERM',
      () => admin.acl('SETUSER', 'gatekeeper', '-set'),
      () => admin.acl('SETUSER', 'gatekeeper', '+set'),
    ],
  ])(
    'to count a limit (%s) still says who was revoked, is asked on, and is told of once',
    async (kind, begin, end) => {
      const { ask, told } = await gatekeeperOn(server.url.replace('://', '://gatekeeper:secret@'));
      expect(await ask('good')).toMatchObject({ admitted: true, uncounted: [], revoked: false });
      await begin();
      try {
        for (let count = 0; count < ASKED; count += 1) {
          expect(await ask('revoked')).toMatchObject({ uncounted: [{}], states: [], revoked: true });
          expect(await ask('good')).toMatchObject({ uncounted: [{}], states: [], revoked: false });
        }
      } finally {
        await end();
      }
      expect(told('redis refuses')).toEqual([
        expect.stringMatching(
          new RegExp(kind === 'NOPERM' ? `^NOPERM |${DENIED_IN_SCRIPT.source}` : `^${kind} `),
        ),
      ]);
      expect(told('redis does not answer')).toEqual([]);
      expect(await ask('good')).toMatchObject({ admitted: true, uncounted: [], revoked: false });
    },
  );

  it('to look up a token (NOPERM) still counts the limits', async () => {
    const { ask, told } = await gatekeeperOn(server.url.replace('://', '://gatekeeper:secret@'));
    await admin.acl('SETUSER', 'gatekeeper', '-exists');
    try {
      for (let count = 0; count < ASKED; count += 1) {
        expect(await ask('good')).toMatchObject({ admitted: true, uncounted: [], revoked: undefined });
      }
    } finally {
      await admin.acl('SETUSER', 'gatekeeper', '+exists');
    }
    expect(told('redis refuses')).toEqual([expect.stringMatching(/^NOPERM /)]);
  });

  it('everything (MASTERDOWN) is known to answer, so that it is asked on and used again at once', async () => {
    const { ask, told } = await gatekeeperOn(server.url);
    await ask('good');
    await admin.config('SET', 'replica-serve-stale-data', 'no');
    await admin.replicaof('127.0.0.1', 1);
    try {
      for (let count = 0; count < ASKED; count += 1) {
        expect(await ask('good')).toMatchObject({ uncounted: [{}], revoked: undefined });
      }
    } finally {
      await admin.replicaof('NO', 'ONE');
    }
    expect(await ask('good')).toMatchObject({ uncounted: [], revoked: false });
    expect(told('redis refuses')).toEqual([expect.stringMatching(/^MASTERDOWN /)]);
    expect(told('redis does not answer')).toEqual([]);
  });

  it.each<[string, RegExp, () => Promise<unknown>, () => Promise<unknown>]>([
    [
      'another password',
      /^WRONGPASS /,
      () => admin.acl('SETUSER', 'gatekeeper', '<secret', '>other'),
      () => admin.acl('SETUSER', 'gatekeeper', '<other', '>secret'),
    ],
    [
      'too many clients',
      /max number of clients/,
      () => admin.config('SET', 'maxclients', '1'),
      () => admin.config('SET', 'maxclients', '1000'),
    ],
  ])(
    'a connection for %s is told of once, in its own words, however often it is tried',
    async (_, words, begin, end) => {
      const { ask, told } = await gatekeeperOn(server.url.replace('://', '://gatekeeper:secret@'));
      await ask('good');
      const reasons = () =>
        [...told('redis connection lost'), ...told('redis connection error')].filter((one) =>
          words.test(one),
        );
      await begin();
      try {
        const connections = async () => {
          const counts = (await admin.info('stats')).matchAll(
            /(?:total_connections_received|rejected_connections):(\d+)/g,
          );
          return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
        };
        const before = await connections();
        await admin.client('KILL', 'USER', 'gatekeeper');
        while (reasons().length === 0 || (await connections()) - before < 4) {
          await ask('good').catch(() => undefined);
          await sleep(25);
        }
      } finally {
        await end();
      }
      expect(reasons()).toHaveLength(1);
      while ((await ask('good').catch(() => undefined)) === undefined) await sleep(25);
      expect(told('redis connection ready')).toHaveLength(2);
    },
  );
});

describe('behind one address, a server that is the master no more', () => {
  it.each<[string, (old: Redis, to: number) => Promise<unknown>]>([
    ['READONLY', (old, to) => old.replicaof('127.0.0.1', to)],
    [
      'MASTERDOWN',
      async (old) => {
        await old.config('SET', 'replica-serve-stale-data', 'no');
        await old.replicaof('127.0.0.1', 1);
      },
    ],
    ['NOREPLICAS', (old) => old.config('SET', 'min-replicas-to-write', '1')],
  ])(
    'is left for the new one when it says %s, and what it still says is heard until then',
    async (kind, begin) => {
      const [first, second] = [await startRedis(), await startRedis()];
      const [old, master] = [new Redis(first.url), new Redis(second.url)];
      const proxy = await startRedisProxy(first.port);
      const { ask, told } = await gatekeeperOn(proxy.url);
      await ask('good');
      proxy.lead(second.port);
      await begin(old, second.port);
      const answers: StoreAnswer[] = [];
      while (answers.at(-1)?.uncounted?.length !== 0) {
        answers.push(await ask('good'));
        await sleep(5);
      }
      // Nothing is lost on the way from the one to the other.
      if (kind !== 'MASTERDOWN')
        expect(answers.map(({ revoked }) => revoked).filter((one) => one !== false)).toEqual([]);
      expect(await master.keys('ws-gatekeeper:*')).toHaveLength(1);
      while (String(await old.client('LIST')).includes('name=ws-gatekeeper')) await sleep(5);
      expect(told('redis refuses')).toEqual([expect.stringMatching(new RegExp(`^${kind} `))]);
      expect([told('redis connection lost'), told('redis connection ready')]).toEqual([[], ['']]);
      closeStores();
      proxy.close();
      for (const client of [old, master]) client.disconnect();
      for (const server of [first, second]) await server.stop();
    },
  );
});

describe('sentinels', () => {
  it('that refuse the password are told of once, in their own words', async () => {
    const setup = await startSentinels();
    const { ask, told } = await gatekeeperOn(setup.url, {
      sentinelUsername: 'nobody',
      sentinelPassword: 'wrong',
      timeoutMs: 300,
    });
    const reasons = () => [...told('redis connection lost'), ...told('redis connection error')];
    for (let count = 0; count < ASKED || reasons().length === 0; count += 1) {
      await ask('good').catch(() => undefined);
      await sleep(DOWN_AFTER_MS / ASKED);
    }
    const refused = reasons().filter((reason) => reason.includes('WRONGPASS'));
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map((reason) => reason.replace(/\d+/g, '#'))).size).toBe(refused.length);
    closeStores();
    await setup.stop();
  }, 60_000);
});
