import { randomBytes } from 'node:crypto';
import { SENDER_ID_BYTES } from './fanout/peer-envelope';
import { CommandTurns } from './inbound/command-turns';
import { Locks } from './locks/locks';
import { redisLockStore } from './locks/redis-lock-store';
import type { RedisLinks } from './pubsub/redis-links';
import { Peers } from './peers/peers';
import { Presence } from './presence/presence';
import { redisPresenceStore } from './presence/redis-presence-store';
import { announceIntervalMs } from './quotas/connection-quota';
import type { Route } from './routes/route';
import { ChannelStates, type ChannelStatesContext } from './states/channel-states';
import type { Settings } from './settings/settings';
import type { Parts } from './parts';

/**
 * The states that clients are shown first. They also tell the peers and locks of documents that a lost subscription is back.
 * @returns undefined when no route has any of these
 */
export function channelStatesOf(
  { maxStateBytes }: Settings,
  routes: readonly Route[],
  { commands, subscribers }: RedisLinks,
  surroundings: Pick<ChannelStatesContext, 'shares' | 'monotonicMs' | 'log'>,
): ChannelStates | undefined {
  if (!routes.some(({ initial, peers, locks }) => initial !== undefined || peers || locks)) return undefined;
  return new ChannelStates({
    registry: subscribers.subscriptions,
    // Not GET: whatever is there, no more than one byte too much is read.
    read: (key) => commands.getrangeBuffer(key, 0, maxStateBytes),
    maxStateBytes,
    ...surroundings,
  });
}

/** Who else is there. @returns undefined when no route tells it */
export function peersOf(
  { connectionLeaseMs: leaseMs }: Settings,
  routes: readonly Route[],
  { subscribers, publishRelay: publish }: RedisLinks,
  clock: Pick<Parts, 'wheel' | 'monotonicMs'>,
): Peers | undefined {
  if (!routes.some(({ peers }) => peers)) return undefined;
  const { subscriptions } = subscribers;
  return new Peers({ subscriptions, publish, leaseMs, bridge: randomBytes(SENDER_ID_BYTES), ...clock });
}

/** The locks on parts of documents. @returns undefined when no route has any */
export function locksOf(
  settings: Settings,
  routes: readonly Route[],
  { links, names, metrics, ...clock }: Pick<Parts, 'links' | 'names' | 'metrics' | 'wheel' | 'monotonicMs'>,
): Locks | undefined {
  if (!routes.some(({ locks }) => locks)) return undefined;
  const { lockLeaseMs: leaseMs, lockLingerMs: lingerMs } = settings;
  const { maxLocksPerDocument: maxPerDocument, maxLocksPerTenant: maxPerTenant } = settings;
  const turns = new CommandTurns(settings.redisTimeoutMs, clock.monotonicMs);
  const limits = { leaseMs, lingerMs, maxPerDocument, maxPerTenant };
  return new Locks({
    store: redisLockStore(links.commands, names, limits, turns.take.bind(turns)),
    subscriptions: links.subscribers.subscriptions,
    publish: links.publishRelay,
    bridge: randomBytes(SENDER_ID_BYTES),
    ...{ leaseMs, lingerMs, maxPerSocket: settings.maxLocksPerSocket },
    onOutcome: (outcome) => {
      metrics.lock(outcome);
    },
    ...clock,
  });
}

/** Tells services who listens. @returns undefined when no route does */
export function presenceOf(
  settings: Settings,
  routes: readonly Route[],
  { links, names, bridgeId, metrics, monotonicMs, log }: PresenceParts,
): Presence | undefined {
  if (!routes.some(({ presence }) => presence)) return undefined;
  const { connectionLeaseMs: leaseMs } = settings;
  let count = 0;
  return new Presence({
    store: redisPresenceStore(links.commands, names, {
      leaseMs,
      lingerMs: settings.presenceLingerMs,
      maxEntries: settings.presenceStreamMaxLength,
      tenantJoins: settings.presenceTenantJoins,
    }),
    newName: () => `${bridgeId}.${(count += 1)}`,
    intervalMs: announceIntervalMs(leaseMs),
    monotonicMs,
    onOutcome: (outcome, topics) => {
      metrics.presence(outcome, topics);
    },
    onFailure: (error) => {
      log.warn({ err: error }, 'presence not told');
    },
  });
}

type PresenceParts = Pick<Parts, 'links' | 'names' | 'bridgeId' | 'metrics' | 'monotonicMs' | 'log'>;
