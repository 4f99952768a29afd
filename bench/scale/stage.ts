import { Redis } from 'ioredis';
import { pino } from 'pino';
import { assemble } from '../../sidecar/assemble';
import type { Parts } from '../../sidecar/parts';
import { Bridge } from '../../sidecar/bridge';
import { parseSettings } from '../../sidecar/settings/settings';
import { withBackstage } from '../backstage';
import { ASSERTION_SECRET } from '../peers/ws-bridge';
import { privateRedis } from '../private-redis';

/** A bridge in this process, of which the bench uses the parts. */
export interface OpenBridge {
  readonly bridge: Bridge;
  readonly parts: Parts;
}

/** A Redis of the trial's own, and bridges in this process: their parts are driven without sockets. */
export interface ScaleStage {
  readonly redis: Redis;
  /** Another connection. */
  readonly connect: () => Redis;
  /** Starts a bridge, whose caps nobody reaches. */
  readonly startBridge: () => Promise<OpenBridge>;
}

/** Sets up a stage, hands it to `trial`, and takes everything down again. */
export function onScaleStage<T>(trial: (stage: ScaleStage) => Promise<T>): Promise<T> {
  return withBackstage(async ({ folder, keep }) => {
    const { port } = await keep(privateRedis(folder));
    const connections: Redis[] = [];
    const bridges: Bridge[] = [];
    const connect = (): Redis => {
      const redis = new Redis(port);
      connections.push(redis);
      return redis;
    };
    const startBridge = async (): Promise<OpenBridge> => {
      const settings = parseSettings(settingsFor(port));
      const parts = assemble(settings, { log: pino({ level: 'fatal' }) });
      const bridge = new Bridge(settings, parts);
      bridges.push(bridge);
      await bridge.start();
      // Its own channels are subscribed a moment later.
      while (!parts.links.subscribers.subscriptions.isLive(parts.names.control))
        await new Promise((resolve) => setTimeout(resolve, 5));
      return { bridge, parts };
    };
    try {
      return await trial({ redis: connect(), connect, startBridge });
    } finally {
      for (const bridge of bridges) await bridge.close();
      for (const redis of connections) redis.disconnect();
    }
  });
}

function settingsFor(redisPort: number): Record<string, string> {
  return {
    BRIDGE_HOST: '127.0.0.1',
    BRIDGE_PORT: '0',
    BRIDGE_ADMIN_HOST: '127.0.0.1',
    BRIDGE_ADMIN_PORT: '0',
    BRIDGE_ASSERTION_SECRET: ASSERTION_SECRET,
    BRIDGE_MAX_CONNECTIONS_PER_TENANT: '10000000',
    BRIDGE_MAX_SUBSCRIPTIONS: '0',
    BRIDGE_RING_TENANT_BYTES: `${2 ** 30}`,
    BRIDGE_RING_TOTAL_BYTES: `${2 ** 31}`,
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
  };
}
