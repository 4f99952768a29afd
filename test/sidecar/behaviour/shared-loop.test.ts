import { Redis } from 'ioredis';
import { LoopShares, SLICE_MS } from '../../../sidecar/lib/loop-shares';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { askUpgrade, connect, eventually, headersFor, startBridge, type TestBridge } from '../fixture';

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
    // What was spent before counts for the turn of the loop that is now.
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

describe('on a bridge whose loop has no time', () => {
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
