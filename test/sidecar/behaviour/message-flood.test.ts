import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { clientFrame, OPCODES } from '../client-frame';
import {
  connect,
  connectCounting,
  EMPTY,
  eventually,
  floods,
  headersFor,
  startBridge,
  startUpgrade,
  type Client,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const BURST = 5;
const LIMITS = {
  BRIDGE_MAX_MESSAGES_PER_SECOND: '10',
  BRIDGE_MESSAGE_BURST: `${BURST}`,
  BRIDGE_LINGER_MS: '0',
};

let server: RedisServer;
let redis: Redis;
let bridge: TestBridge;
let now: number;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
  now = Date.now();
  bridge = await startBridge(server.url, LIMITS, () => now);
});
afterEach(async () => {
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function commandIds(): Promise<readonly (string | undefined)[]> {
  const entries = await redis.xrange('ai:commands', '-', '+');
  return entries.map(([, fields]) => fields[fields.indexOf('id') + 1]);
}

function sendCommands(client: Client, from: number, count: number): void {
  for (let i = from; i < from + count; i += 1) client.socket.send(`{"type":"ask","id":"c${i}"}`);
}

/** The beginning of a close frame with that code and a reason (RFC 6455 §5.5.1). */
const CLOSE_4429 = Buffer.from([0x88, 2 + 'Too Many Messages'.length, 4429 >> 8, 4429 & 0xff]);

const TOO_MANY = { code: 'TOO_MANY_MESSAGES', message: 'too many messages: send fewer a second' };

describe('a client that sends more than it may', () => {
  it('is told which command was not taken, and it was not; later ones are', async () => {
    const client = await connect(`${bridge.url}/ws/ai/chat`, ALICE);
    sendCommands(client, 0, BURST + 2);
    expect(await client.nextJson()).toEqual({ type: 'error', data: { ...TOO_MANY, id: 'c5' } });
    expect(await client.nextJson()).toEqual({ type: 'error', data: { ...TOO_MANY, id: 'c6' } });
    now += 100;
    sendCommands(client, 7, 1);
    await eventually(async () => (await commandIds()).length === BURST + 1);
    expect(await commandIds()).toEqual(['c0', 'c1', 'c2', 'c3', 'c4', 'c7']);
    await client.close();
  });

  it('is told by bridge.error when it speaks bridge.v1, and the same id is taken later', async () => {
    const { client } = await connectCounting(`${bridge.url}/ws/ai/chat`, ALICE);
    sendCommands(client, 0, BURST + 1);
    const answers = [];
    while (answers.length <= BURST) answers.push(await client.nextJson());
    expect(answers).toContainEqual({ type: 'bridge.error', data: { ...TOO_MANY, id: 'c5' } });
    now += 100;
    sendCommands(client, 5, 1);
    expect(await client.nextJson()).toEqual({ type: 'bridge.ack', data: { id: 'c5' } });
    await client.close();
  });

  it('and is no JSON gets no id, and a binary one neither', async () => {
    const client = await connect(`${bridge.url}/ws/ai/chat`, ALICE);
    sendCommands(client, 0, BURST);
    client.socket.send('{');
    client.socket.send(Buffer.from('{"type":"ask","id":"c9"}'));
    expect(await client.nextJson()).toEqual({ type: 'error', data: TOO_MANY });
    expect(await client.nextJson()).toEqual({ type: 'error', data: TOO_MANY });
    await client.close();
  });

  it('has its peer messages left out, and goes on afterwards', async () => {
    const url = `${bridge.url}/ws/collaboration/d1`;
    const [sender, peer] = [await connect(url, ALICE), await connect(url, ALICE)];
    for (let i = 0; i < BURST + 1; i += 1) sender.socket.send(`edit ${i}`);
    expect(await sender.nextJson()).toEqual({ type: 'error', data: TOO_MANY });
    now += 100;
    sender.socket.send('edit after');
    const got = [];
    while (got.length < BURST + 1) got.push(await peer.nextText());
    expect(got).toEqual(['edit 0', 'edit 1', 'edit 2', 'edit 3', 'edit 4', 'edit after']);
    await Promise.all([sender.close(), peer.close()]);
  });

  it('and goes on is closed with 4429, after as many refusals as the burst', async () => {
    const client = await connect(`${bridge.url}/ws/ai/chat`, ALICE);
    let refused = 0;
    client.socket.on('message', () => (refused += 1));
    sendCommands(client, 0, 3 * BURST);
    expect(await client.closed).toBe(4429);
    expect(refused).toBe(BURST);
    await eventually(async () => (await commandIds()).length >= BURST);
    expect(await commandIds()).toHaveLength(BURST);
    const metrics = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
    expect(metrics).toContain('ws_bridge_closes_total{route="ai-chat",code="4429"} 1');
    expect(metrics).toContain(
      `ws_bridge_messages_refused_total{route="ai-chat",code="TOO_MANY_MESSAGES"} ${BURST}`,
    );
  });

  it('and goes on after it was closed is not read from any longer, and cut when its time for that is over', async () => {
    // With a clock that goes on once it is closed: until then nothing is earned back.
    let clock = (): number => now;
    const own = await startBridge(server.url, LIMITS, () => clock());
    const asked = startUpgrade(`${own.url}/ws/ai/chat`, await headersFor(ALICE, now));
    const [, socket] = (await once(asked, 'upgrade')) as [unknown, Socket];
    socket.on('error', () => undefined);
    const heard: Buffer[] = [];
    const closed = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        heard.push(chunk);
        if (Buffer.concat(heard).includes(CLOSE_4429)) resolve();
      });
    });
    const frame = clientFrame(OPCODES.binary, 60_000);
    socket.write(Buffer.concat(Array.from({ length: 3 * BURST }, () => frame)));
    await closed;
    const closedAtMs = performance.now();
    clock = () => now + performance.now() - closedAtMs;
    const end = new Promise((resolve) => {
      socket.once('drain', () => {
        resolve('all was read');
      });
      socket.once('close', () => {
        resolve('cut');
      });
    });
    // More than the kernels of both sides take.
    socket.write(Buffer.concat(Array.from({ length: 1200 }, () => frame)));
    expect(await end).toBe('cut');
    await own.bridge.close();
    expect(own.bridge.openState()).toEqual(EMPTY);
  });

  it('takes nothing from another socket of the same user', async () => {
    const url = `${bridge.url}/ws/ai/chat?session=s`;
    const [flooding, calm] = [await connect(url, ALICE), await connect(url, ALICE)];
    sendCommands(flooding, 0, 3 * BURST);
    expect(await flooding.closed).toBe(4429);
    sendCommands(calm, 100, BURST);
    await eventually(async () => (await commandIds()).length === 2 * BURST);
    await calm.close();
  });
});

describe('a client that sends data on a one-way route', () => {
  it('is told READ_ONLY each time, and closed with 4429 when it goes on', async () => {
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    const codes: string[] = [];
    client.socket.on('message', (data: Buffer) => {
      codes.push((JSON.parse(data.toString()) as { data: { code: string } }).data.code);
    });
    for (let i = 0; i <= BURST; i += 1) client.socket.send('x');
    expect(await client.closed).toBe(4429);
    expect(codes).toEqual(Array.from({ length: BURST }, () => 'READ_ONLY'));
  });

  it('and rests is forgiven', async () => {
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < BURST; i += 1) client.socket.send('x');
      for (let i = 0; i < BURST; i += 1)
        expect(await client.nextJson()).toMatchObject({ data: { code: 'READ_ONLY' } });
      now += 10_000;
    }
    await client.close();
  });
});

describe('a client that pings within its rate', () => {
  it('gets a pong for each ping of the default burst, with its payload', async () => {
    const own = await startBridge(server.url);
    const client = await connect(`${own.url}/ws/notifications`, ALICE);
    const sent = Array.from({ length: 200 }, (_, n) => `${n}`);
    const answered: string[] = [];
    const all = new Promise<void>((resolve) => {
      client.socket.on('pong', (data: Buffer) => {
        if (answered.push(data.toString()) === sent.length) resolve();
      });
    });
    for (const text of sent) client.socket.ping(text);
    await all;
    expect(answered).toEqual(sent);
    await own.bridge.close();
  });
});

describe('a client that sends a message in more frames than it may', () => {
  it('is closed with 1008, and not with one frame less', async () => {
    const own = await startBridge(server.url, { BRIDGE_MAX_FRAGMENTS: '3' });
    const client = await connect(`${own.url}/ws/ai/chat`, ALICE);
    const send = (frames: readonly string[]) => {
      frames.forEach((text, n) => {
        client.socket.send(text, { fin: n === frames.length - 1 });
      });
    };
    send(['{', ' ', '}']);
    expect(await client.nextJson()).toMatchObject({ data: { code: 'INVALID_COMMAND' } });
    send(['{', ' ', ' ', '}']);
    expect(await client.closed).toBe(1008);
    await own.bridge.close();
  });
});

describe('a client that floods its socket with control frames', () => {
  it.each(['ping', 'pong'] as const)('of type %s is closed with 4429', async (kind) => {
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    for (let i = 0; i <= 3 * BURST; i += 1) client.socket[kind]();
    expect(await client.closed).toBe(4429);
    expect(floods(bridge)).toEqual([{ route: 'notifications', ...ALICE, over: 'message_rate' }]);
  });

  it('within the rate is answered, for as long as it likes', async () => {
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    for (let round = 0; round < 10; round += 1) {
      for (let i = 0; i < BURST; i += 1) {
        const answered = once(client.socket, 'pong');
        client.socket.ping();
        await answered;
      }
      now += 500;
    }
    expect(client.socket.readyState).toBe(client.socket.OPEN);
    await client.close();
  });
});

describe('with the defaults', () => {
  it('200 messages at once and 100 a second get through', async () => {
    const own = await startBridge(server.url, {}, () => now);
    const url = `${own.url}/ws/collaboration/d1`;
    const [sender, peer] = [await connect(url, ALICE), await connect(url, ALICE)];
    const got: string[] = [];
    peer.socket.on('message', (data: Buffer) => got.push(data.toString()));
    for (let i = 0; i < 200; i += 1) sender.socket.send(`${i}`);
    await eventually(() => got.length === 200);
    now += 1000;
    for (let i = 200; i < 300; i += 1) sender.socket.send(`${i}`);
    await eventually(() => got.length === 300);
    sender.socket.send('one more');
    expect(await sender.nextJson()).toMatchObject({ data: { code: 'TOO_MANY_MESSAGES' } });
    await Promise.all([sender.close(), peer.close()]);
    await own.bridge.close();
    expect(own.bridge.openState()).toEqual(EMPTY);
  });
});
