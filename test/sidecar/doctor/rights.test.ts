import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { diagnose } from '../../../sidecar/doctor/doctor';
import { findingLine } from '../../../sidecar/doctor/finding';
import { isDenied } from '../../../sidecar/doctor/rights-check';
import { documentedUser } from '../../fakes/documented-user';
import { makeOwnFolder } from '../../fakes/own-folder';
import { startRedisCluster } from '../../fakes/redis-cluster';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { SECRET } from '../fixture';

const GUIDE = readFileSync(join(__dirname, '../../../docs/redis.md'), 'utf8');

/** The rights that a route's setting needs besides the bridge's own. */
function further(setting: string): readonly string[] {
  const rights = new RegExp(`For a route with \`${setting}\`[^]*?\`\`\`\n(~[^\`]+)\n\`\`\``).exec(GUIDE)?.[1];
  if (rights === undefined) throw new Error(`expected the rights of ${setting} in docs/redis.md`);
  return rights.split(' ');
}

const FILE = join(makeOwnFolder('routes-').path, 'routes.json');
const ROUTE = { name: 'doc', path: '/ws/doc/{id}', channels: ['{tenant}:collaboration:{id}'] };
writeFileSync(
  FILE,
  JSON.stringify({ routes: [{ ...ROUTE, messages: 'relay', presence: true, locks: true }] }),
);

const CHAT_FILE = join(makeOwnFolder('routes-').path, 'routes.json');
const CHAT = {
  ...{ name: 'chat', path: '/ws/ai/chat', channels: ['ai:stream:{{session}}'] },
  ...{ messages: 'commands', session: true, history: { key: 'ai:history:{{session}}' } },
};
writeFileSync(CHAT_FILE, JSON.stringify({ routes: [CHAT] }));

async function linesOf(url: string, file = FILE): Promise<readonly string[]> {
  const env = {
    BRIDGE_ASSERTION_SECRET: SECRET,
    BRIDGE_ROUTES_FILE: file,
    REDIS_URL: url,
    BRIDGE_REDIS_TIMEOUT_MS: '20000',
  };
  const lines: string[] = [];
  for await (const finding of diagnose({ env, gateway: undefined, timeoutMs: 5000, now: Date.now })) {
    lines.push(findingLine(finding));
  }
  return lines.filter((line) => line.includes('rights') || line.startsWith('FAIL'));
}

let redis: RedisServer;
let admin: Redis;
let url: string;
beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
  url = `redis://ws-bridge:secret@127.0.0.1:${redis.port}`;
});
afterAll(async () => {
  admin.disconnect();
  await redis.stop();
});

const THERE = ['presence', 'locks'].map(
  (setting) => `ok    rights     those that "${setting}" of a route needs are there`,
);

describe('ws-bridge doctor, where a route has presence and locks', () => {
  it('finds nothing missing for the documented user, and changes nothing', async () => {
    const user = documentedUser('ws-bridge', '+subscribe');
    await admin.call('ACL', 'SETUSER', ...user, ...further('presence'), ...further('locks'));
    expect(await linesOf(url)).toEqual(THERE);
    expect(await admin.keys('*')).toEqual([]);
    await admin.xadd('ws:presence', '1-1', 'f', 'v');
    expect(await linesOf(url)).toEqual(THERE);
    expect(await admin.xlen('ws:presence')).toBe(1);
    await admin.flushall();
  });

  it('names each right that is missing', async () => {
    const user = documentedUser('ws-bridge', '+subscribe');
    for (const setting of ['presence', 'locks']) {
      const rights = further(setting);
      for (const right of rights.filter((one) => one.startsWith('+'))) {
        const others = [...further('presence'), ...further('locks')].filter((one) => one !== right);
        await admin.call('ACL', 'SETUSER', user[0] ?? '', 'reset', ...user.slice(1), ...others);
        expect(await linesOf(url)).toContainEqual(
          expect.stringMatching(
            new RegExp(`^FAIL {2}rights .*"${setting}" .* needs \\${right}: give the user`),
          ),
        );
      }
      const keys = [...further('presence'), ...further('locks')].filter(
        (one) => !rights.includes(one) || one.startsWith('+'),
      );
      await admin.call('ACL', 'SETUSER', user[0] ?? '', 'reset', ...user.slice(1), ...keys);
      expect(await linesOf(url)).toContainEqual(
        expect.stringMatching(new RegExp(`^FAIL {2}rights .*"${setting}" .* cannot have its keys`)),
      );
    }
  });

  it('finds nothing missing in a cluster, and names the one master whose user lacks something', async () => {
    const cluster = await startRedisCluster({ isSteady: true });
    try {
      expect(await linesOf(cluster.url)).toEqual(THERE);
      const user = documentedUser('ws-bridge', '+ssubscribe');
      const rights = [...further('presence'), ...further('locks')];
      for (const { redis: node } of cluster.nodes) await node.call('ACL', 'SETUSER', ...user, ...rights);
      const asUser = cluster.url.replace('://', '://ws-bridge:secret@');
      expect(await linesOf(asUser)).toEqual(THERE);
      for (const { redis: node, port } of cluster.nodes.slice(0, 3)) {
        await node.call('ACL', 'SETUSER', 'ws-bridge', '-hlen');
        expect(await linesOf(asUser)).toContainEqual(
          expect.stringMatching(
            new RegExp(
              `^FAIL {2}rights .*"locks" .* needs \\+hlen at 127\\.0\\.0\\.1:${port}: give the user`,
            ),
          ),
        );
        await node.call('ACL', 'SETUSER', 'ws-bridge', '+hlen', '-hincrby', 'resetchannels', '&ws:probe:*');
        expect(await linesOf(asUser)).toContainEqual(
          expect.stringMatching(
            new RegExp(`the channel \\S*collaboration\\S* at 127\\.0\\.0\\.1:${port}: give`),
          ),
        );
        await node.call('ACL', 'SETUSER', ...user, ...rights);
      }
    } finally {
      await cluster.stop();
    }
  }, 60_000);
});

describe('ws-bridge doctor, where a user lacks a right that any bridge needs', () => {
  it.each([
    ['~ai:session:*', /a session cannot have its keys/],
    ['~{ai:commands}:*', /a command cannot have its keys/],
    ['~ai:commands', /a command cannot have its keys/],
    ['~ws:conn:*', /a cap on connections cannot have its keys/],
    ['~ws:handover:*', /a handover cannot have its keys/],
    ['+getdel', /a handover needs \+getdel:/],
    ['+xtrim', /a command needs \+xtrim:/],
    ['+ltrim', /a command needs \+ltrim:/],
    ['+hmget', /a cap on connections needs \+hmget:/],
    ['+pexpire', /a session needs \+pexpire:/],
  ])('names it: %s', async (right, fault) => {
    const [name = '', ...rules] = documentedUser('ws-bridge', '+subscribe');
    const others = rules.filter((rule) => rule !== right);
    await admin.call('ACL', 'SETUSER', name, 'reset', ...others, '~ai:history:*', '+xrevrange');
    const faults = (await linesOf(url, CHAT_FILE)).filter((line) => line.startsWith('FAIL  rights'));
    expect(faults).toContainEqual(expect.stringMatching(fault));
    expect(await admin.keys('*')).toEqual([]);
  });
});

describe('ws-bridge doctor, where a user lacks the right to a channel', () => {
  it.each([
    ['&ws:control', 'ws:control'],
    ['&ws:bridge:*', 'ws:bridge:ws-bridge doctor'],
    ['&ws:reply:*', 'ws:reply:ws-bridge doctor'],
    ['&ws:mark:*', 'ws:mark:ai:stream:{ws-bridge%20doctor}'],
    ['&ai:stream:*', 'ai:stream:{ws-bridge%20doctor}'],
  ])('names it: %s', async (pattern, channel) => {
    const [name = '', ...rules] = documentedUser('ws-bridge', '+subscribe');
    const others = rules.filter((rule) => rule !== pattern);
    await admin.call('ACL', 'SETUSER', name, 'reset', ...others, '~ai:history:*', '+xrevrange');
    const faults = (await linesOf(url, CHAT_FILE)).filter((line) => line.startsWith('FAIL'));
    expect(faults).toEqual([
      `FAIL  rights     the user may not have the channel ${channel}: give it the "&" pattern of it in docs/redis.md`,
    ]);
  });
});

describe('ws-bridge doctor, where a route has a history', () => {
  const there = ['ok    rights     those that "history" of a route needs are there'];

  it('finds what is missing of the documented rights, and changes nothing', async () => {
    const user = documentedUser('ws-bridge', '+subscribe');
    const allow = (...more: string[]) =>
      admin.call('ACL', 'SETUSER', user[0] ?? '', 'reset', ...user.slice(1), ...more);
    const [key = '', right = ''] =
      /For a route with a `history`[^]*?`(~\S+ \+\S+)`/.exec(GUIDE)?.[1]?.split(' ') ?? [];
    await allow(key, right);
    expect(await linesOf(url, CHAT_FILE)).toEqual(there);
    await allow(key);
    expect(await linesOf(url, CHAT_FILE)).toEqual([
      expect.stringMatching(/^FAIL {2}rights .*"history" .* needs \+xrevrange: give the user/),
    ]);
    await allow(right);
    expect(await linesOf(url, CHAT_FILE)).toEqual([
      expect.stringMatching(/^FAIL {2}rights .*"history" .* cannot have its keys/),
    ]);
    expect(await admin.keys('*')).toEqual([]);
  });

  it('finds nothing missing in a cluster', async () => {
    const cluster = await startRedisCluster({ isSteady: true });
    try {
      expect(await linesOf(cluster.url, CHAT_FILE)).toEqual(there);
    } finally {
      await cluster.stop();
    }
  }, 60_000);
});

describe('a command of a script that a user may not run', () => {
  it.each([
    ['Redis 7.0', "zscore ERR The user executing the script can't run this command or subcommand"],
    [
      'Redis 7.2 to 8.0, and Valkey 8 and 9',
      "zscore ERR ACL failure in script: User ws-bridge has no permissions to run the 'zscore' command",
    ],
  ])('is known by the words of %s', (_, failure) => {
    expect(isDenied(failure)).toBe(true);
  });

  it('is not one that failed by its arguments', () => {
    expect(isDenied('zrange ERR value is not an integer or out of range')).toBe(false);
  });
});
