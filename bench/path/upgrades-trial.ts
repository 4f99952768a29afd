import { startMeter } from '../cpu-meter';
import type { Pace } from '../load/calls';
import { medians, type Figures } from '../median';
import type { Peer } from '../peer';
import { progress } from '../report';
import { clientPlans } from '../stage';
import type { Topic } from '../topic';
import type { Gateway } from './gateway';
import { pathConfig } from './kong-config';
import { expectWholePath, onPath, stations, type PathStage } from './stage';

/** Sockets that connect, one wave after the other. */
export interface Waves {
  /** They ask for them in turn. */
  readonly topics: readonly Topic[];
  /** Sockets of a wave. */
  readonly sockets: number;
  readonly pace: Pace;
  /** Waves that count. */
  readonly waves: number;
}

/** Between two waves, for everybody to notice that the last one's sockets are gone. */
const CALM_MS = 1000;

/** Lets waves of upgrades come through the gateway; the medians of those that count are its figures. */
export function upgradesTrial(
  peer: Peer,
  gateway: Gateway,
  { topics, sockets, pace, waves }: Waves,
  nodeFlags: readonly string[],
): Promise<Figures> {
  return onPath(peer, gateway, nodeFlags, { config: pathConfig }, async (stage) => {
    // In the first, which does not count, code is still being compiled, and the plugin starts its instance.
    const figures: Figures[] = [];
    for (let wave = 0; wave <= waves; wave += 1) {
      const seen = await oneWave(stage, peer, { topics, sockets, pace });
      if (wave > 0) figures.push(seen);
    }
    return medians(figures);
  });
}

async function oneWave(
  stage: PathStage,
  peer: Peer,
  { topics, sockets, pace }: Omit<Waves, 'waves'>,
): Promise<Figures> {
  const { gateway, load } = stage;
  const clients = await clientPlans(peer, topics, { port: gateway.port, sockets });
  const meter = startMeter({ ...stations(stage), load: [load.pid] });
  const { open, seconds, p50Ms, p99Ms, refusals } = await load.call('open', { clients, ...pace });
  const { us, cpuUs } = meter();
  expectWholePath(stage);
  if (refusals.length > 0) progress(`refused: ${refusals.join(', ')}`);
  await load.call('leave', undefined);
  await new Promise((resolve) => setTimeout(resolve, CALM_MS));
  return {
    perSecond: open / seconds,
    p50Ms,
    p99Ms,
    refused: sockets - open,
    gatewayUs: cpuUs.gateway / open,
    gatekeeperUs: cpuUs.gatekeeper / open,
    bridgeUs: cpuUs.bridge / open,
    redisUs: cpuUs.redis / open,
    loadCores: cpuUs.load / us,
  };
}
