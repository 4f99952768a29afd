import { randomBytes } from 'node:crypto';
import { ConnectionQuota } from '../../sidecar/quotas/connection-quota';
import { redisQuotaStore } from '../../sidecar/quotas/redis-quota-store';
import type { Permit } from '../../sidecar/quotas/tenant-quota';
import type { UnitCosts } from './cost';
import { spentOnEach, type Spent } from './spent';
import type { OpenBridge, ScaleStage } from './stage';

/** The unit costs in Redis and in a bridge. */
export interface MeasuredCosts {
  readonly redisUs: UnitCosts;
  readonly bridgeUs: UnitCosts;
}

/** So often everything happens that is done in batches. */
const MANY = 5000;
/** So often everything happens that is done one by one, as on a platform where each bridge does little at a time. */
const ONE_BY_ONE = 1000;
/** Connections that hear a message, to find what one more costs. */
const HEARERS = 100;
/** Bridges that hold permits of a limit, to find what it costs to add one more up. */
const ADDED_UP = 1000;
const LEASE_MS = 30_000;

/**
 * Measures what each thing of a second costs, by the code that does it.
 * @param upgradeUs CPU time of an upgrade in a bridge: `npm run bench:connect` measures it, with its socket
 */
export async function measureUnitCosts(stage: ScaleStage, upgradeUs: number): Promise<MeasuredCosts> {
  const open = await stage.startBridge();
  const messages = await message(stage, open);
  const measured = {
    upgrades: { ...(await upgrade(stage, open)), bridgeUs: upgradeUs },
    renewals: await renewal(stage, open),
    announcements: await announcement(stage, open),
    addends: await addend(stage, open),
    probes: await probe(stage, open),
    ...messages,
    // To Redis an order is a message as any other.
    orders: { redisUs: messages.deliveries.redisUs, bridgeUs: await order(stage, open) },
  };
  return { redisUs: column(measured, 'redisUs'), bridgeUs: column(measured, 'bridgeUs') };
}

function column(measured: Readonly<Record<keyof UnitCosts, Spent>>, which: keyof Spent): UnitCosts {
  const entries = Object.entries(measured).map(([kind, spent]) => [kind, spent[which]]);
  return Object.fromEntries(entries) as UnitCosts;
}

/** A chat's: its permits, its session and its channel are taken, and given back. */
function upgrade({ redis }: ScaleStage, { parts }: OpenBridge): Promise<Spent> {
  const { quota, sessions, links } = parts;
  const { subscriptions } = links.subscribers;
  return spentOnEach(redis, ONE_BY_ONE, async () => {
    for (let number = 0; number < ONE_BY_ONE; number += 1) {
      const [session, user] = [`one${number}`, `u${number}`];
      const holder = { senderId: undefined, deliver: () => undefined, evict: () => undefined };
      const permit = await quota.acquire('acme', user);
      await sessions.lookUp(session, 'acme', user, 'all');
      await subscriptions.join(`ai:stream:${session}`, holder);
      await sessions.claim(session, 'acme', user, 'all');
      subscriptions.leave(`ai:stream:${session}`, holder);
      if (typeof permit !== 'string') permit.release();
      await quota.settled();
    }
  });
}

async function renewal({ redis }: ScaleStage, { parts: { sessions } }: OpenBridge): Promise<Spent> {
  const holder = { evict: () => undefined };
  for (let number = 0; number < MANY; number += 1) sessions.hold(`r${number}`, 'acme', 'u', holder, 'all');
  await sessions.renew();
  const spent = await spentOnEach(redis, MANY, () => sessions.renew());
  for (let number = 0; number < MANY; number += 1) sessions.release(`r${number}`, holder);
  return spent;
}

async function announcement({ redis }: ScaleStage, { parts: { quota } }: OpenBridge): Promise<Spent> {
  const permits = await Promise.all(
    Array.from({ length: MANY }, (_, number) => quota.acquire('acme', `a${number}`)),
  );
  const spent = await spentOnEach(redis, MANY, () => quota.announce());
  for (const permit of permits) if (typeof permit !== 'string') permit.release();
  await quota.settled();
  return spent;
}

/** One call of each of many bridges, which add up all the others: what that costs more than to know their sum. */
async function addend({ redis }: ScaleStage, { parts: { names, links } }: OpenBridge): Promise<Spent> {
  const held: Permit[] = [];
  const bridges = Array.from({ length: ADDED_UP }, () => {
    const store = redisQuotaStore(links.commands, randomBytes(8).toString('hex'), LEASE_MS);
    return new ConnectionQuota(store, names, { tenant: 10_000_000, user: 0 });
  });
  for (const quota of bridges) {
    const permit = await quota.acquire('large', 'u');
    if (typeof permit !== 'string') held.push(permit);
  }
  const key = names.tenantConnections('large');
  const calls = bridges.slice(0, 200);
  const known = await spentOnEach(redis, calls.length, async () => {
    for (const quota of calls) await quota.announce();
  });
  const added = await spentOnEach(redis, calls.length, async () => {
    for (const quota of calls) {
      await redis.hdel(key, 'all');
      await quota.announce();
    }
  });
  for (const permit of held) permit.release();
  return { redisUs: Math.max(0, added.redisUs - known.redisUs) / ADDED_UP, bridgeUs: 0 };
}

function probe({ redis }: ScaleStage, { parts: { names, links } }: OpenBridge): Promise<Spent> {
  const { subscriptions } = links.subscribers;
  return spentOnEach(redis, ONE_BY_ONE, async () => {
    let heard = (): void => undefined;
    const receiver = {
      senderId: undefined,
      deliver: () => {
        heard();
      },
    };
    const channel = names.probe('bench');
    await subscriptions.join(channel, receiver);
    for (let number = 0; number < ONE_BY_ONE; number += 1) {
      const arrived = new Promise<void>((resolve) => (heard = resolve));
      await links.publish(channel, `${number}`);
      await arrived;
    }
    subscriptions.leave(channel, receiver);
  });
}

/** The cost of publishing a message that nobody hears, and what each that hears it adds. */
async function message(
  { redis, connect }: ScaleStage,
  open: OpenBridge,
): Promise<Record<'publishes' | 'deliveries', Spent>> {
  const publishTo = (channel: string): Promise<Spent> =>
    spentOnEach(redis, ONE_BY_ONE, async () => {
      for (let number = 0; number < ONE_BY_ONE; number += 1) await redis.publish(channel, 'x'.repeat(200));
    });
  const unheard = await publishTo('nobody');
  const hearers = Array.from({ length: HEARERS }, () => connect());
  for (const hearer of hearers) await hearer.subscribe('everybody');
  const heard = await publishTo('everybody');
  for (const hearer of hearers) hearer.disconnect();
  const deliveredUs = (heard.redisUs - unheard.redisUs) / HEARERS;
  return {
    publishes: { redisUs: unheard.redisUs, bridgeUs: 0 },
    deliveries: { redisUs: deliveredUs, bridgeUs: await hearing(redis, open) },
  };
}

/** A bridge's cost of hearing a message, without the sockets that it is for. */
async function hearing(redis: ScaleStage['redis'], { parts }: OpenBridge): Promise<number> {
  const { subscriptions } = parts.links.subscribers;
  const spent = await spentOnEach(redis, MANY, async () => {
    let left = MANY;
    let over = (): void => undefined;
    const all = new Promise<void>((resolve) => (over = resolve));
    const receiver = {
      senderId: undefined,
      deliver: () => {
        if ((left -= 1) === 0) over();
      },
    };
    await subscriptions.join('acme:notifications', receiver);
    await redis.eval(PUBLISH_MANY, 0, 'acme:notifications', MANY, 'x'.repeat(200));
    await all;
    subscriptions.leave('acme:notifications', receiver);
  });
  return spent.bridgeUs;
}

/** Published by Redis itself: what that costs is nobody's but its own. */
const PUBLISH_MANY = `for _ = 1, ARGV[2] do redis.call('PUBLISH', ARGV[1], ARGV[3]) end`;

/** Each revokes a token that nobody here has. */
async function order({ redis }: ScaleStage, { parts: { names, links } }: OpenBridge): Promise<number> {
  const { subscriptions } = links.subscribers;
  const { bridgeUs } = await spentOnEach(redis, MANY, async () => {
    const text = JSON.stringify({ type: 'revoke', jti: '5b1f7a0e-5a35-4a8c-9a4f-0b1f7a0e5a35' });
    await redis.eval(PUBLISH_MANY, 0, names.control, MANY, text);
    // Behind all orders: it comes on the same connection.
    await subscriptions.arrived(names.control);
  });
  return bridgeUs;
}
