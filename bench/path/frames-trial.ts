import type { Figures } from '../median';
import { offerMessages, type Offer } from '../offer';
import type { Peer } from '../peer';
import { feedOf } from '../relay-trial';
import { clientPlans } from '../stage';
import type { Gateway } from './gateway';
import { pathConfig } from './kong-config';
import { expectWholePath, onPath, stations } from './stage';

/** Offers messages to sockets that came through the gateway, and counts what comes out there. */
export function framesTrial(
  peer: Peer,
  gateway: Gateway,
  offer: Offer,
  nodeFlags: readonly string[],
): Promise<Figures> {
  return onPath(peer, gateway, nodeFlags, { config: pathConfig }, async (stage) => {
    const { redis, bridge, load, worker } = stage;
    const { topics, sockets, seconds } = offer;
    const clients = await clientPlans(peer, topics, { port: stage.gateway.port, sockets });
    const feed = feedOf(peer, topics, { redisPort: redis.port, port: bridge.port });
    const players = { load, worker, clients, feed, processes: stations(stage) };
    const { counts, spent } = await offerMessages(players, offer);
    expectWholePath(stage);
    const perSecond = counts.delivered / seconds;
    const cores = (name: keyof typeof spent.cpuUs): number => spent.cpuUs[name] / spent.us;
    return {
      ...counts,
      perSecond,
      gatewayUs: (cores('gateway') * 1_000_000) / perSecond,
      bridgeUs: (cores('bridge') * 1_000_000) / perSecond,
      gatewayCores: cores('gateway'),
      gatekeeperCores: cores('gatekeeper'),
      bridgeCores: cores('bridge'),
      redisCores: cores('redis'),
      loadCores: cores('load'),
    };
  });
}
