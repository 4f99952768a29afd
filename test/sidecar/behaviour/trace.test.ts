import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { askUpgrade, eventually, headersFor, startBridge, type TestBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;

let redisServer: RedisServer;
let redis: Redis;
let bridge: TestBridge;

beforeAll(async () => {
  redisServer = await startRedis();
  redis = new Redis(redisServer.url);
  bridge = await startBridge(redisServer.url);
});
afterAll(async () => {
  redis.disconnect();
  await bridge.bridge.close();
  await redisServer.stop();
});

/** Sends a command on an upgrade with these headers. @returns the names and values of its stream entry */
async function entryOf(headers: Record<string, string | string[]>): Promise<Record<string, string>> {
  await redis.del('ai:commands');
  const socket = new WebSocket(`${bridge.url}/ws/ai/chat`, {
    headers: { ...(await headersFor(ALICE)), ...headers },
  });
  await once(socket, 'open');
  socket.send('{"type":"ask"}');
  await eventually(async () => (await redis.xlen('ai:commands')) === 1);
  socket.close();
  const [[, fields] = ['', []]] = await redis.xrange('ai:commands', '-', '+');
  const pairs = fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1] ?? '']] : []));
  return Object.fromEntries(pairs) as Record<string, string>;
}

function upgradeLines(): readonly Record<string, unknown>[] {
  const lines = bridge.logLines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return lines.filter(({ msg }) => msg === 'upgrade');
}

describe('the trace of an upgrade', () => {
  it('goes on with the commands that its client sends', async () => {
    const entry = await entryOf({ traceparent: PARENT, tracestate: 'rojo=00f067aa0ba902b7' });
    expect(entry).toMatchObject({ traceparent: PARENT, tracestate: 'rojo=00f067aa0ba902b7' });
    expect(upgradeLines().at(-1)).toMatchObject({ outcome: 'admitted', traceId: TRACE });
  });

  it('is named in the log when the upgrade is refused', async () => {
    const { status } = await askUpgrade(`${bridge.url}/ws/ai/chat`, { traceparent: PARENT });
    expect(status).toBe(401);
    expect(upgradeLines().at(-1)).toMatchObject({ outcome: 'unauthorized', traceId: TRACE });
  });

  it.each([
    ['there is none', {}],
    ['there is only a tracestate', { tracestate: 'a=1' }],
    ['it is malformed', { traceparent: PARENT.toUpperCase(), tracestate: 'a=1' }],
    ['there are two', { traceparent: [PARENT, PARENT], tracestate: 'a=1' }],
  ])('is left out when %s', async (_, headers) => {
    const entry = await entryOf(headers);
    expect(Object.keys(entry)).toEqual([
      'tenant',
      'user',
      'roles',
      'session',
      'type',
      'data',
      'request_id',
      'time',
    ]);
    expect(upgradeLines().at(-1)).not.toHaveProperty('traceId');
  });
});
