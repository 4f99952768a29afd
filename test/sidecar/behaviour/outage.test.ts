import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  clientChannels,
  connect,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  startUpgrade,
  type Client,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const EVE = { tenant: 'evil', user: 'eve' };

let redis: RedisServer;
let bridge: TestBridge;

beforeEach(async () => {
  redis = await startRedis();
  bridge = await startBridge(redis.url);
});
afterEach(async () => {
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
  await redis.stop();
});

interface Ready {
  readonly status: string;
  readonly ready: Readonly<Record<string, boolean>>;
}

async function readiness(): Promise<{ readonly status: number; readonly body: Ready }> {
  const response = await fetch(`${bridge.adminUrl}/readyz`);
  return { status: response.status, body: (await response.json()) as Ready };
}

async function ready(): Promise<boolean> {
  return (await readiness()).status === 200;
}

async function withPublisher<T>(use: (publisher: Redis) => Promise<T>): Promise<T> {
  const publisher = new Redis(redis.url);
  try {
    return await use(publisher);
  } finally {
    publisher.disconnect();
  }
}

async function ask(client: Client, id: string): Promise<void> {
  client.socket.send(JSON.stringify({ type: 'ask', id }));
  expect(await client.nextJson()).toMatchObject({ type: 'error', data: { code: 'UNAVAILABLE', id } });
}

describe('while Redis is away', () => {
  it('upgrades are refused with 503, commands and peer messages with UNAVAILABLE; nothing happens later', async () => {
    const chat = await connect(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    const editor = await connect(`${bridge.url}/ws/collaboration/d1`, ALICE);
    await redis.stop();
    // Each of its connections is lost for itself.
    await eventually(async () => {
      const { accepting, ...ofRedis } = (await readiness()).body.ready;
      return accepting === true && !Object.values(ofRedis).includes(true);
    });
    expect(await readiness()).toEqual({
      status: 503,
      body: {
        status: 'unavailable',
        ready: {
          redisCommands: false,
          redisSubscriber: false,
          redisRelays: false,
          delivery: false,
          accepting: true,
        },
      },
    });
    for (const path of ['/ws/ai/chat?session=s2', '/ws/ai/chat?session=s1', '/ws/collaboration/d1']) {
      const answer = await askUpgrade(`${bridge.url}${path}`, await headersFor(ALICE));
      expect(answer).toMatchObject({
        status: 503,
        headers: { 'retry-after': '1' },
        body: '{"message":"Redis is unreachable"}',
      });
    }
    await ask(chat, 'c1');
    editor.socket.send('lost');
    expect(await editor.nextJson()).toMatchObject({ data: { code: 'UNAVAILABLE' } });
    expect((await fetch(`${bridge.adminUrl}/livez`)).status).toBe(200);

    await redis.restart();
    await eventually(ready);
    chat.socket.send('{"type":"ask","id":"c2"}');
    await withPublisher(async (publisher) => {
      await eventually(async () => (await publisher.xlen('ai:commands')) > 0);
      const [entry] = await publisher.xrange('ai:commands', '-', '+');
      expect(entry?.[1]).toContain('c2');
    });
    await Promise.all([chat.close(), editor.close()]);
  });

  it('sockets stay, and hear again what is published when it is back, without connecting anew', async () => {
    const chat = await connect(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    const board = await connect(`${bridge.url}/ws/bi/dashboards/d1`, ALICE);
    const leaver = await connect(`${bridge.url}/ws/bi/dashboards/gone`, ALICE);
    await redis.stop();
    await eventually(async () => !(await ready()));
    await leaver.close();
    await redis.restart();
    await withPublisher(async (publisher) => {
      await eventually(async () => (await clientChannels(publisher)).length === 2);
      expect(await clientChannels(publisher)).toEqual(['acme:dashboard:refresh:d1', 'ai:stream:s1']);
      await publisher.publish('ai:stream:s1', 'back');
      await publisher.publish('acme:dashboard:refresh:d1', 'back');
    });
    expect([await chat.nextText(), await board.nextText()]).toEqual(['back', 'back']);
    await eventually(ready);
    await Promise.all([chat.close(), board.close()]);
  });

  it('sessions in use are claimed again when it comes back empty', async () => {
    const chat = await connect(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    await redis.stop();
    await eventually(async () => !(await ready()));
    await redis.restart();
    await withPublisher(async (publisher) => {
      await eventually(async () => (await publisher.get('ai:session:s1')) === '["acme","alice"]');
    });
    await eventually(ready);
    const answer = await askUpgrade(`${bridge.url}/ws/ai/chat?session=s1`, await headersFor(EVE));
    expect(answer.status).toBe(403);
    await chat.close();
  });

  it('a session that somebody else claimed meanwhile is theirs: its holder is closed with 4403', async () => {
    const chat = await connect(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    await withPublisher((publisher) => publisher.set('ai:session:s1', '["evil","eve"]'));
    const eve = await connect(`${bridge.url}/ws/ai/chat?session=s1`, EVE);
    expect(await chat.closed).toBe(4403);
    await withPublisher((publisher) => publisher.publish('ai:stream:s1', 'for eve'));
    expect(await eve.nextText()).toBe('for eve');
    await eve.close();
  });

  it('a bridge starts, and is ready once Redis is there', async () => {
    await redis.stop();
    const early = await startBridge(redis.url);
    const answer = await askUpgrade(`${early.url}/ws/notifications`, await headersFor(ALICE));
    expect(answer.status).toBe(503);
    await redis.restart();
    await eventually(async () => (await fetch(`${early.adminUrl}/readyz`)).status === 200);
    const client = await connect(`${early.url}/ws/notifications`, ALICE);
    await client.close();
    await early.bridge.close();
  });
});

describe('while Redis hangs', () => {
  it('upgrades are refused with 503 in time, commands with UNAVAILABLE', async () => {
    const hasty = await startBridge(redis.url, { BRIDGE_REDIS_TIMEOUT_MS: '3000' });
    const chat = await connect(`${hasty.url}/ws/ai/chat?session=s1`, ALICE);
    process.kill(redis.pid, 'SIGSTOP');
    try {
      const answer = await askUpgrade(`${hasty.url}/ws/notifications`, await headersFor(ALICE));
      expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
      await ask(chat, 'c1');
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    await eventually(async () => (await fetch(`${hasty.adminUrl}/readyz`)).status === 200);
    await chat.close();
    await hasty.bridge.close();
  });

  it('an upgrade is decided by its own deadline', async () => {
    const hasty = await startBridge(redis.url, {
      BRIDGE_HANDSHAKE_TIMEOUT_MS: '2000',
      BRIDGE_REDIS_TIMEOUT_MS: '60000',
    });
    process.kill(redis.pid, 'SIGSTOP');
    try {
      const answer = await askUpgrade(`${hasty.url}/ws/ai/chat`, await headersFor(ALICE));
      expect(answer.status).toBe(503);
      expect(hasty.logLines.join('')).toContain('took longer than 2000 ms');
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    await eventually(() => hasty.bridge.openState().sessions === 0);
    await withPublisher(async (publisher) => {
      await eventually(async () => (await clientChannels(publisher)).length === 0);
    });
    expect(hasty.bridge.openState()).toEqual(EMPTY);
    await hasty.bridge.close();
  });

  it('clients that give up during their upgrade, to be admitted or refused, leave nothing behind', async () => {
    await withPublisher((publisher) => publisher.set('ai:session:foreign', '["evil","eve"]'));
    const headers = [await headersFor(ALICE), await headersFor(ALICE), await headersFor(ALICE)];
    process.kill(redis.pid, 'SIGSTOP');
    try {
      const asked = ['s1', 's2', 'foreign'].map((session, index) =>
        startUpgrade(`${bridge.url}/ws/ai/chat?session=${session}`, headers[index] ?? {}),
      );
      await eventually(() => bridge.bridge.openState().undecidedUpgrades === 3);
      const [leaves, ...resets] = asked;
      leaves?.destroy();
      for (const { socket } of resets) socket?.resetAndDestroy();
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    await eventually(() => Object.values(bridge.bridge.openState()).every((count) => count === 0));
    await withPublisher(async (publisher) => {
      await eventually(async () => (await clientChannels(publisher)).length === 0);
    });
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  });
});
