import type { Figures } from './median';
import { offerMessages, type Offer } from './offer';
import type { Peer } from './peer';
import type { Feed } from './publisher/calls';
import { postRequest } from './publisher/http';
import { respCommand } from './publisher/resp';
import { clientPlans, onStage } from './stage';
import { PAYLOAD } from './stamp';
import type { Topic } from './topic';

/** Starts a peer with all that it needs, offers it messages, and counts what comes out. */
export function relayTrial(peer: Peer, offer: Offer, nodeFlags: readonly string[]): Promise<Figures> {
  return onStage(peer, nodeFlags, async ({ redis, server, load, worker }) => {
    const { port } = server;
    const clients = await clientPlans(peer, offer.topics, { port, sockets: offer.sockets });
    const feed = feedOf(peer, offer.topics, { redisPort: redis.port, port });
    const processes = { server: [server.pid], redis: [redis.pid] };
    const { counts, spent } = await offerMessages({ load, worker, clients, feed, processes }, offer);
    server.expectRunning();
    const perSecond = counts.delivered / offer.seconds;
    const serverCores = spent.cpuUs.server / spent.us;
    return {
      ...counts,
      perSecond,
      cpuUs: (serverCores * 1_000_000) / perSecond,
      serverCores,
      redisCores: spent.cpuUs.redis / spent.us,
      loadCores: spent.cpuUs.load / spent.us,
    };
  });
}

/** How a peer is fed: through Redis, or by posting to it. */
export function feedOf(
  peer: Pick<Peer, 'publication' | 'postPath'>,
  topics: readonly Topic[],
  { redisPort, port }: { readonly redisPort: number; readonly port: number },
): Feed {
  const { postPath } = peer;
  if (postPath !== undefined)
    return { protocol: 'http', port, messages: topics.map((topic) => postRequest(postPath(topic), PAYLOAD)) };
  const messages = topics.map((topic) => respCommand('PUBLISH', ...peer.publication(topic, PAYLOAD)));
  return { protocol: 'redis', port: redisPort, messages };
}
