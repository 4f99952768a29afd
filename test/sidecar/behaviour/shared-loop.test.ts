import type { Socket } from 'node:net';
import { Redis } from 'ioredis';
import { LoopShares, SLICE_MS } from '../../../sidecar/lib/loop-shares';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  connect,
  eventually,
  headersFor,
  startBridge,
  type Client,
  type TestBridge,
} from '../fixture';

const CHAT = '/ws/ai/chat';

let redis: RedisServer;
let publisher: Redis;
let bridge: TestBridge;
let loop: HeldLoop;

/** A loop without time for what is shared out, from {@link hold} to {@link release}. */
class HeldLoop {
  readonly #held: (() => void)[] = [];
  #isHeld = false;
  #nowMs = 0;
  readonly shares = new LoopShares({
    nowMs: () => this.#nowMs,
    later: (run) => {
      if (this.#isHeld) this.#held.push(run);
      else setImmediate(run);
    },
  });

  async hold(): Promise<void> {
    await this.shares.settled();
    this.#isHeld = true;
    // Time that was spent before counts for the turn of the loop that is now.
    await new Promise((resolve) => setImmediate(resolve));
    this.shares.once('all of a slice', () => (this.#nowMs += SLICE_MS));
  }

  release(): void {
    this.#isHeld = false;
    for (const run of this.#held.splice(0)) run();
  }
}

beforeAll(async () => {
  redis = await startRedis();
  publisher = new Redis(redis.url);
});
beforeEach(async () => {
  await publisher.flushall();
  loop = new HeldLoop();
  bridge = await startBridge(redis.url, {}, { shares: loop.shares });
});
afterEach(async () => {
  loop.release();
  await bridge.bridge.close();
});
afterAll(async () => {
  publisher.disconnect();
  await redis.stop();
});

async function revoke(whom: object): Promise<void> {
  const told = (): number => bridge.logLines.filter((line) => line.includes('"revoked"')).length;
  const before = told();
  await publisher.publish('ws:control', JSON.stringify({ type: 'revoke', ...whom }));
  await eventually(() => told() > before);
}

/** Resolves once an upgrade has its session and its channel, and the bridge has heard so. */
async function established(session: string): Promise<void> {
  await eventually(async () => {
    const [, subscribers] = (await publisher.pubsub('NUMSUB', `ai:stream:${session}`)) as [string, number];
    return subscribers === 1 && (await publisher.exists(`ai:session:${session}`)) === 1;
  });
  // On the same connection, so after the answer for the channel.
  await revoke({ tenant: 'nobody' });
}

/** Hangs up without a close frame. Resolves once the bridge has heard so: it hangs up as well. */
async function hangUp({ socket, closed }: Client): Promise<void> {
  const { _socket: stream } = socket as unknown as { readonly _socket: Socket };
  stream.end();
  expect(await closed).toBe(1006);
}

describe('on a bridge whose loop has no time', () => {
  it('commands of a client that hung up meanwhile are taken, and it is forgotten', async () => {
    const client = await connect(`${bridge.url}${CHAT}`, { tenant: 'acme', user: 'alice' });
    await loop.hold();
    client.socket.send('{"type":"ask","id":"c1"}');
    client.socket.send('{"type":"ask","id":"c2"}');
    await hangUp(client);
    expect(await publisher.xlen('ai:commands')).toBe(0);
    loop.release();
    await eventually(() => bridge.bridge.openState().connections === 0);
    await eventually(async () => (await publisher.xlen('ai:commands')) === 2);
  });

  it('a command of a client that hung up and was revoked meanwhile is not taken', async () => {
    const client = await connect(`${bridge.url}${CHAT}`, { tenant: 'acme', user: 'alice' });
    await loop.hold();
    client.socket.send('{"type":"ask","id":"c1"}');
    await hangUp(client);
    await revoke({ tenant: 'acme' });
    loop.release();
    await eventually(() => bridge.bridge.openState().connections === 0);
    // On the same connection to Redis, so behind all that came before.
    const other = await connect(`${bridge.url}${CHAT}`, { tenant: 'evil', user: 'alice' });
    other.socket.send('{"type":"ask","id":"c2"}');
    await eventually(async () => (await publisher.xlen('ai:commands')) > 0);
    const entries = await publisher.xrange('ai:commands', '-', '+');
    expect(entries.map(([, fields]) => fields.includes('c2'))).toEqual([true]);
  });

  it('a revoked socket gets no frame and sends no command while its close frame waits', async () => {
    const revoked = await connect(`${bridge.url}${CHAT}?session=s1`, { tenant: 'acme', user: 'alice' });
    const other = await connect(`${bridge.url}${CHAT}?session=s2`, { tenant: 'evil', user: 'alice' });
    await loop.hold();
    await revoke({ tenant: 'acme' });
    await publisher.publish('ai:stream:s1', 'too late');
    await publisher.publish('ai:stream:s2', 'still here');
    expect(await other.nextText()).toBe('still here');
    revoked.socket.send('{"type":"ask"}');
    expect([revoked.kept, bridge.bridge.openState().connections]).toEqual([0, 2]);
    loop.release();
    // Its own close frame comes after its command.
    expect(await revoked.closed).toBe(4401);
    expect([revoked.kept, await publisher.xlen('ai:commands')]).toEqual([0, 0]);
  });

  it('an upgrade waits for its tenant’s share of it', async () => {
    await loop.hold();
    const headers = await headersFor({ tenant: 'acme', user: 'alice' });
    let isAnswered = false;
    const answer = askUpgrade(`${bridge.url}${CHAT}?session=s4`, headers).finally(() => {
      isAnswered = true;
    });
    await established('s4');
    expect(isAnswered).toBe(false);
    loop.release();
    expect((await answer).status).toBe(101);
  });

  it('an upgrade that waits is judged once more: its token may have been revoked', async () => {
    await loop.hold();
    const headers = await headersFor({ tenant: 'acme', user: 'alice', jti: 'j1' });
    const answer = askUpgrade(`${bridge.url}${CHAT}?session=s3`, headers);
    await established('s3');
    await revoke({ jti: 'j1' });
    loop.release();
    expect((await answer).status).toBe(401);
  });
});

it('a bridge closes though its loop always has more to do', async () => {
  let isOver = false;
  const shares = new LoopShares();
  const busy = await startBridge(redis.url, {}, { shares });
  const client = await connect(`${busy.url}/ws/notifications`, { tenant: 'acme', user: 'alice' });
  shares.run(Symbol('work without end'), { next: () => ({ done: isOver, value: undefined }) });
  await busy.bridge.close();
  isOver = true;
  expect(await client.closed).toBe(1012);
});
