import type { Parts } from './parts';
import type { Readiness } from './http/readiness';

/**
 * Which parts the bridge needs, and whether each is ready. Relays that are away for a moment make unready only the
 * routes that need them. A flood of relayed messages may cut them, and must not take the bridge from everybody else.
 */
export function readinessOf({ links, isRelayed, relaysUp, upgradeHandler }: Parts): Readiness {
  const redisCommands = links.health.commands === true;
  const redisSubscriber = links.health.subscriber === true;
  const areRelaysRecent = relaysUp.isRecent(links.relays) && redisCommands && redisSubscriber;
  return {
    redisCommands,
    redisSubscriber,
    ...(isRelayed && { redisRelays: links.relays || areRelaysRecent }),
    delivery: links.delivers.subscriber === true,
    accepting: upgradeHandler.isAccepting,
  };
}
