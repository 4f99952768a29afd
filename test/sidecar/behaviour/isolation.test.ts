import fc from 'fast-check';
import { Redis } from 'ioredis';
import { escapeSegment } from '../../../protocol/channels';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  connect,
  eventually,
  startBridge,
  UNPREFIXED,
  type Caller,
  type Client,
  type TestBridge,
} from '../fixture';

/** Tenants whose names would meet if channel names were put together carelessly. */
const TENANTS = ['acme', 'acme:x', 'ai', '%61cme'];
const IDS = ['x', 'x:y', 'y', 'stream'];
const FENCE = 'fence';

let redis: RedisServer;
let publisher: Redis;
let observer: Redis;
let bridges: readonly TestBridge[];
/** Messages that went through Redis, and those that should have. */
let observed = 0;
let expected = 0;

beforeAll(async () => {
  redis = await startRedis();
  publisher = new Redis(redis.url);
  observer = new Redis(redis.url);
  observer.on('pmessage', (_, channel: string) => (observed += UNPREFIXED.isOwnChannel(channel) ? 0 : 1));
  await observer.psubscribe('*');
  bridges = [await startBridge(redis.url), await startBridge(redis.url)];
});
afterAll(async () => {
  await Promise.all(bridges.map(({ bridge }) => bridge.close()));
  publisher.disconnect();
  observer.disconnect();
  await redis.stop();
});

type Kind = 'dashboard' | 'document' | 'session';

interface Place {
  readonly kind: Kind;
  readonly tenant: string;
  readonly id: string;
}

interface Guest extends Place {
  readonly client: Client;
}

const place: fc.Arbitrary<Place> = fc.record({
  kind: fc.constantFrom<Kind>('dashboard', 'document', 'session'),
  tenant: fc.constantFrom(...TENANTS),
  id: fc.constantFrom(...IDS),
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('join' as const), place, bridge: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), index: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('publish' as const), place }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('say' as const), index: fc.nat(20) }) },
);

const CALLER = (tenant: string): Caller => ({ tenant, user: 'u' });

function pathOf({ kind, id }: Place): string {
  const escaped = encodeURIComponent(id);
  if (kind === 'dashboard') return `/ws/bi/dashboards/${escaped}`;
  if (kind === 'document') return `/ws/collaboration/${escaped}`;
  return `/ws/ai/chat?session=${sessionOf(id)}`;
}

function sessionOf(id: string): string {
  return id.replaceAll(':', '_');
}

function channelOf({ kind, tenant, id }: Place): string {
  if (kind === 'dashboard') return `${escapeSegment(tenant)}:dashboard:refresh:${escapeSegment(id)}`;
  if (kind === 'document') return `${escapeSegment(tenant)}:collaboration:${escapeSegment(id)}`;
  return `ai:stream:${sessionOf(id)}`;
}

describe("another tenant's client", () => {
  it('on the same session, dashboard or document id never receives a frame, in any interleaving', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        await publisher.flushall();
        const guests: Guest[] = [];
        const owners = new Map<string, string>();
        for (const [count, taken] of steps.entries()) {
          if (taken.do === 'join') await join(taken.place, taken.bridge);
          if (taken.do === 'leave') guests.splice(taken.index % Math.max(1, guests.length), 1).forEach(leave);
          if (taken.do === 'publish') await publish(taken.place, count);
          if (taken.do === 'say') await say(guests[taken.index % Math.max(1, guests.length)], count);
        }
        for (const guest of guests) {
          expected += 1;
          await publisher.publish(channelOf(guest), FENCE);
        }
        for (const guest of guests) await expectOwnFramesOnly(guest);
        guests.forEach(leave);
        await eventually(() =>
          bridges.every(({ bridge }) => Object.values(bridge.openState()).every((open) => open === 0)),
        );

        async function join(at: Place, index: number): Promise<void> {
          const url = `${bridges[index]?.url ?? ''}${pathOf(at)}`;
          const owner = at.kind === 'session' ? (owners.get(sessionOf(at.id)) ?? at.tenant) : at.tenant;
          if (owner !== at.tenant) {
            await expect(connect(url, CALLER(at.tenant))).rejects.toThrow('403');
            return;
          }
          if (at.kind === 'session') owners.set(sessionOf(at.id), at.tenant);
          guests.push({ ...at, client: await connect(url, CALLER(at.tenant)) });
        }
        async function publish(at: Place, count: number): Promise<void> {
          const tenant = at.kind === 'session' ? owners.get(sessionOf(at.id)) : at.tenant;
          if (tenant === undefined) return;
          expected += 1;
          await publisher.publish(channelOf(at), `${at.kind} ${tenant} ${count}`);
        }
        async function say(guest: Guest | undefined, count: number): Promise<void> {
          if (guest?.kind !== 'document') return;
          guest.client.socket.send(`document ${guest.tenant} ${count}`);
          expected += 1;
          await eventually(() => observed === expected);
        }
      }),
      { numRuns: 40 },
    );
  });
});

function leave({ client }: Guest): void {
  client.socket.terminate();
}

/** Everything up to the fence, which was published last, is of the guest's own tenant. */
async function expectOwnFramesOnly({ kind, tenant, client }: Guest): Promise<void> {
  for (;;) {
    const text = await client.nextText();
    if (text === FENCE) return;
    expect(text.replace(/ \d+$/, '')).toBe(`${kind} ${tenant}`);
  }
}
