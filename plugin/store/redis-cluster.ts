import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, type Redis } from 'ioredis';
import type { Logger } from 'pino';
import { NodeConnector } from '../../redis/node-connector';
import { clusterOptions } from '../../redis/options';
import type { RedisTarget } from '../../redis/url';
import { refreshSlots } from '../../redis/slot-refresh';
import { ConnectionLog, refusalLog } from '../../redis/connection-log';
import { errorReplies } from '../../redis/error-replies';
import { giveUpSilent } from '../../redis/give-up-silent';
import { tellOfServers } from '../../redis/first-look';
import type { RedisSettings } from '../config/config';
import { withAnswerDeadline } from './answer-deadline';
import { chargeAlone, type GcraReply } from './gathered-calls';
import { storeFault } from './outcome';
import { CONNECT_TIMEOUT_MS, nodeOptions, RETRY_DELAYS } from './redis-options';
import { writeGatherer } from './write-gatherer';
import { type GatekeeperRedis, MAX_READ_BYTES } from './gatekeeper-redis';

/** How often the map of the slots is read anew when nothing went wrong, in milliseconds. */
const SLOTS_REFRESH_MS = 5000;

/**
 * A cluster with the gatekeeper's script on each of its masters. A master that is away takes nothing from the others:
 * what it would be asked fails at once, or when it hangs, within the timeout.
 */
export function clusterConnection(
  target: RedisTarget,
  settings: RedisSettings,
  lua: string,
  log: Logger,
): GatekeeperRedis {
  const nowMs = () => performance.now();
  const changes = new ConnectionLog(log, nowMs);
  const cluster = openCluster(target, settings);
  refreshSlots(cluster, SLOTS_REFRESH_MS);
  cluster.on('+node', (node: Redis) => {
    giveUpSilent(node, {
      timeoutMs: settings.timeoutMs,
      onSilent: (reason) => {
        changes.tell(new Error(reason), nodeName(node));
        // A node that is lost comes back with the map.
        cluster.refreshSlotsCache();
      },
    });
  });
  changes.watch(cluster);
  tellOfServers(cluster, log, settings.keeps);
  const opened = Promise.race([
    connected(cluster).catch(() => undefined),
    sleep(Math.max(settings.timeoutMs, CONNECT_TIMEOUT_MS), undefined, { ref: false }),
  ]);
  const gather = writeGatherer();
  return {
    isCluster: true,
    read: (key) => ask(() => cluster.getrange(key, 0, MAX_READ_BYTES)),
    gcra: (keys, args) => chargeAlone({ run }, { keys, args }),
    exists: (key) => ask(async () => (await cluster.exists(key)) > 0),
    close() {
      changes.letGo();
      cluster.disconnect();
    },
  };

  function openCluster({ nodes }: RedisTarget, { timeoutMs }: RedisSettings): Cluster {
    return new Cluster([...nodes], {
      ...clusterOptions(timeoutMs, RETRY_DELAYS),
      scripts: { gcra: { lua } },
      redisOptions: {
        ...nodeOptions(settings, target),
        Connector: NodeConnector,
        // A node that is opened anew comes back where the map then says.
        reconnectOnError: errorReplies(refusalLog(log), nowMs),
      },
    });
  }

  function run(keys: readonly string[], args: readonly (number | string)[]): Promise<readonly GcraReply[]> {
    return ask(() => (cluster as unknown as GcraCommand).gcra(keys.length, ...keys, ...args));
  }

  async function ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      await opened;
      gather(() => cluster.nodes('master').flatMap(openStream));
      return await withAnswerDeadline(command(), settings.timeoutMs);
    } catch (cause) {
      throw storeFault(cause);
    }
  }
}

/** Resolves once every master that can be reached is; a node that comes later is connected to when it comes. */
async function connected(cluster: Cluster): Promise<void> {
  cluster.on('+node', (node: Redis) => setImmediate(() => void nodeConnected(node)));
  await Promise.race([once(cluster, 'ready'), once(cluster, 'close')]);
  await Promise.all(cluster.nodes('master').map(nodeConnected));
}

/** ioredis connects to a node only when something is asked of it, and refuses what is asked meanwhile. */
async function nodeConnected(node: Redis): Promise<void> {
  try {
    if (node.status === 'wait') await node.connect();
    else if (node.status !== 'ready') await Promise.race([once(node, 'ready'), once(node, 'end')]);
  } catch {
    // It is told as "node error".
  }
}

interface GcraCommand {
  gcra(numberOfKeys: number, ...rest: (string | number)[]): Promise<readonly GcraReply[]>;
}

function openStream({ status, stream }: Redis): readonly Writable[] {
  return status === 'ready' ? [stream] : [];
}

/** As ioredis names it. */
function nodeName({ options: { host = '', port = 0 } }: Redis): string {
  return `${host}:${port}`;
}
