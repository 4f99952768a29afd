import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { keySlot } from '../../redis/key-slot';
import { NodeConnector } from '../../redis/node-connector';
import { refreshSlots } from '../../redis/slot-refresh';
import { makeOwnFolder } from './own-folder';
import { onFreePort, runRedis, type RedisProcess } from './redis-process';

/** After which a node that does not answer counts as failed: long for a noisy machine, short for a test. */
export const NODE_TIMEOUT_MS = 2000;
/** The same in a cluster that is to be steady, and how long its answers may take. */
const STEADY_MS = 10_000;

/** One node of a cluster, whatever its role is now. */
export interface ClusterNode {
  readonly id: string;
  readonly port: number;
  /** A connection for the test, as the user who may do all. */
  readonly redis: Redis;
  readonly pid: number;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again with what it knew of the cluster. */
  start(): Promise<void>;
}

/** A real cluster on 127.0.0.1: three masters, each with a replica. */
export interface RedisCluster {
  /** `redis+cluster://…`, every node named. */
  readonly url: string;
  readonly nodes: readonly ClusterNode[];
  /** A client for the test, as the user who may do all. */
  readonly client: Cluster;
  /** The node that serves a key or a channel now, in the eyes of most masters. */
  ownerOf(key: string): Promise<ClusterNode>;
  /** A replica of the node that serves a key. */
  replicaOf(key: string): Promise<ClusterNode>;
  /** Begins to move the slot of a key: what is not there any more is asked of `to`, with ASKING. */
  startMove(key: string, to: ClusterNode): Promise<void>;
  /** Moves the slot of a key, with what is in it, as `redis-cli --cluster reshard` does. */
  moveSlot(key: string, to: ClusterNode): Promise<void>;
  /** `CLUSTER FAILOVER` to a replica of the node that serves a key, asked for until Redis does it. */
  failOver(key: string): Promise<FailedOver>;
  /** Resolves once all nodes that run agree on who serves which slot, reach each other, and follow their masters. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** A failover that was asked for and done. */
export interface FailedOver {
  /** The new master. */
  readonly to: ClusterNode;
  /** When that was asked for which Redis did, milliseconds since the epoch. */
  readonly askedAt: number;
}

/** How a cluster's nodes are started and reached. */
export interface ClusterOptions {
  /** More of each node's command line. */
  readonly args?: (port: number) => readonly string[];
  /** How the test itself connects. */
  readonly connection?: Omit<RedisOptions, 'replyMapping'>;
  readonly scheme?: string;
  /** Whether no node is to fail: none is taken for failed on a noisy machine then. */
  readonly isSteady?: boolean;
}

const SLOTS = 16_384;
const MASTERS = 3;
const ROUND_MS = 25;
/** After which Redis forgets a failover that was asked for and could not be done, in milliseconds. */
const FAILOVER_FORGOTTEN_MS = 5000;

/** Starts six nodes and resolves once they are a cluster. */
export async function startRedisCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const folder = makeOwnFolder('redis-cluster-');
  const nodes: ClusterNode[] = [];
  for (let count = 0; count < 2 * MASTERS; count += 1) nodes.push(await startNode(folder.path, options));
  await meet(nodes);
  // Not before: nodes hear of each other the sooner the shorter it is.
  const steadied = ['SET', 'cluster-node-timeout', STEADY_MS] as const;
  if (options.isSteady === true) await Promise.all(nodes.map(({ redis }) => redis.config(...steadied)));
  const commandTimeout = options.isSteady === true ? STEADY_MS : 500;
  const ports = nodes.map(({ port }) => port);
  const client = new Cluster(
    ports.map((port) => ({ host: '127.0.0.1', port })),
    { redisOptions: { Connector: NodeConnector, commandTimeout, ...options.connection } },
  );
  refreshSlots(client, 500);
  client.on('error', () => undefined);

  const running = (): ClusterNode[] => nodes.filter(({ pid }) => pid !== 0);
  const nodeById = (id: string | undefined): ClusterNode => {
    const node = nodes.find((one) => one.id === id);
    if (node === undefined) throw new Error(`no node ${id ?? ''}`);
    return node;
  };
  const rowOf = async (key: string): Promise<SlotRow> => {
    const votes = await Promise.all(running().map(async ({ redis }) => slotRow(redis, keySlot(key))));
    const owners = votes.map((row) => row.ids[0]);
    const [most] = [...votes].sort(
      (a, b) => owners.filter((id) => id === b.ids[0]).length - owners.filter((id) => id === a.ids[0]).length,
    );
    if (most === undefined) throw new Error('no node runs');
    return most;
  };
  const replicaOf = async (key: string): Promise<ClusterNode> => {
    // After a failover the nodes hear only bit by bit who follows whom.
    for (;;) {
      const id = (await rowOf(key)).ids[1];
      if (id !== undefined) return nodeById(id);
      await sleep(ROUND_MS);
    }
  };
  const startMove = async (key: string, to: ClusterNode): Promise<void> => {
    const from = nodeById((await rowOf(key)).ids[0]);
    await to.redis.cluster('SETSLOT', keySlot(key), 'IMPORTING', from.id);
    await from.redis.cluster('SETSLOT', keySlot(key), 'MIGRATING', to.id);
  };
  return {
    url: `${options.scheme ?? 'redis+cluster'}://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`,
    nodes,
    client,
    ownerOf: async (key) => nodeById((await rowOf(key)).ids[0]),
    replicaOf,
    failOver: async (key) => {
      // Redis answers OK, and then does not do it where the last election is less than four node timeouts ago.
      for (;;) {
        const to = await replicaOf(key);
        const askedAt = Date.now();
        await to.redis.cluster('FAILOVER').catch(() => undefined);
        if (await isMasterWithin(to, FAILOVER_FORGOTTEN_MS)) return { to, askedAt };
      }
    },
    startMove,
    moveSlot: async (key, to) => {
      const slot = keySlot(key);
      const from = nodeById((await rowOf(key)).ids[0]);
      await startMove(key, to);
      const keys = await from.redis.cluster('GETKEYSINSLOT', slot, 10_000);
      for (const one of keys) await from.redis.migrate('127.0.0.1', to.port, one, 0, 5000);
      for (const node of [to, from]) await node.redis.cluster('SETSLOT', slot, 'NODE', to.id);
    },
    settled: () => settled(running()),
    stop: async () => {
      client.disconnect();
      for (const { redis } of nodes) redis.disconnect();
      await Promise.all(nodes.map((node) => node.kill()));
      await folder.remove();
    },
  };
}

async function startNode(folder: string, { args, connection }: ClusterOptions): Promise<ClusterNode> {
  const run = (port: number): Promise<RedisProcess> =>
    runRedis(
      [
        ...['--save', '', '--bind', '127.0.0.1', '--cluster-enabled', 'yes'],
        ...['--cluster-config-file', `nodes-${port}.conf`, '--cluster-node-timeout', `${NODE_TIMEOUT_MS}`],
        // A replica that lost its master a while ago may still take over; no replica leaves its master.
        ...['--cluster-replica-validity-factor', '0', '--cluster-allow-replica-migration', 'no'],
        // A replica counts once it has heard of its master: by default that takes up to 10 seconds where nobody writes.
        ...['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'],
        ...['--dbfilename', `dump-${port}.rdb`],
        ...(args?.(port) ?? ['--port', `${port}`]),
      ],
      folder,
    );
  const { port, first } = await onFreePort(async (tried) => ({ port: tried, first: await run(tried) }));
  let running: RedisProcess | undefined = first;
  const redis = new Redis({
    host: '127.0.0.1',
    port,
    retryStrategy: () => ROUND_MS,
    maxRetriesPerRequest: null,
    Connector: NodeConnector,
    ...connection,
  });
  redis.on('error', () => undefined);
  return {
    id: await redis.cluster('MYID'),
    port,
    redis,
    get pid() {
      return running?.pid ?? 0;
    },
    kill: async () => {
      const killing = running;
      running = undefined;
      await killing?.kill();
    },
    start: async () => {
      running ??= await run(port);
    },
  };
}

async function isMasterWithin({ redis }: ClusterNode, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  while (performance.now() < until) {
    if ((await redis.info('replication')).includes('role:master')) return true;
    await sleep(ROUND_MS);
  }
  return false;
}

async function meet(nodes: readonly ClusterNode[]): Promise<void> {
  const [first] = nodes;
  if (first === undefined) return;
  for (const [index, { redis, port }] of nodes.entries()) {
    await redis.cluster('SET-CONFIG-EPOCH', index + 1);
    if (port !== first.port) await first.redis.cluster('MEET', '127.0.0.1', port);
    if (index >= MASTERS) continue;
    const bounds = [index, index + 1].map((part) => Math.floor((SLOTS * part) / MASTERS));
    await redis.cluster('ADDSLOTSRANGE', bounds[0] ?? 0, (bounds[1] ?? 0) - 1);
  }
  await allSee(nodes, `cluster_known_nodes:${nodes.length}`);
  for (const [index, { redis }] of nodes.entries()) {
    const master = nodes[index - MASTERS];
    if (master !== undefined) await redis.cluster('REPLICATE', master.id);
  }
  await settled(nodes);
}

async function allSee(nodes: readonly ClusterNode[], line: string): Promise<void> {
  for (const { redis } of nodes) {
    while (!(await redis.cluster('INFO')).includes(line)) await sleep(ROUND_MS);
  }
}

async function settled(nodes: readonly ClusterNode[]): Promise<void> {
  for (;;) {
    const views = await Promise.all(nodes.map(viewOf));
    const [first] = views;
    const isWhole = ({ isSound, serving }: ClusterView): boolean =>
      isSound && nodes.every(({ id }) => serving.includes(id));
    if (views.every((view) => isWhole(view) && view.serving === first?.serving)) return;
    await sleep(ROUND_MS);
  }
}

/** A node's view of its cluster. */
interface ClusterView {
  /** Whether all slots are served, every node is reached, and it follows its master if it has one. */
  readonly isSound: boolean;
  /** `CLUSTER SLOTS`: who serves which slots. A replica is in it once it has something of its master's. */
  readonly serving: string;
}

async function viewOf({ redis }: ClusterNode): Promise<ClusterView> {
  const [info, nodes, replication, slots] = await Promise.all([
    redis.cluster('INFO'),
    redis.cluster('NODES') as Promise<string>,
    redis.info('replication'),
    redis.cluster('SLOTS'),
  ]);
  const isReached = nodes
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .every(([, , flags = '', , , , , link]) => link === 'connected' && !/fail|handshake|noaddr/.test(flags));
  const follows = /role:master|master_link_status:up/.test(replication);
  return {
    isSound: info.includes('cluster_state:ok') && follows && isReached,
    serving: slots
      .map(([from, to, ...served]) => {
        const [master, ...replicas] = served.map(([, , id]) => id);
        return [from, to, master, ...replicas.sort()].join(' ');
      })
      .sort()
      .join('\n'),
  };
}

/** Who serves a slot: the master's id, then its replicas'. */
interface SlotRow {
  readonly ids: readonly string[];
}

async function slotRow(redis: Redis, slot: number): Promise<SlotRow> {
  const rows = await redis.cluster('SLOTS');
  const row = rows.find(([from, to]) => from <= slot && slot <= to);
  const [, , ...served] = row ?? [];
  return { ids: served.map(([, , id]) => id) };
}
