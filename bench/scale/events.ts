import type { Receiver } from '../../sidecar/fanout/deliver';
import type { Figures } from '../median';
import { StretchMeter } from '../stretch-meter';
import type { ReplayIdentity, ReplayLog } from '../../sidecar/resume/replay-log';
import { spentOnEach } from './spent';
import { onScaleStage, type OpenBridge, type ScaleStage } from './stage';

/** Something that happens to a bridge all at once. */
export interface ScaleEvent {
  readonly name: string;
  readonly run: () => Promise<Figures>;
}

/** So many upgrades are on their way at once. */
const AT_ONCE = 200;
/** A chat that goes on has so many kept frames, each of so many bytes. */
const KEPT_FRAMES = 20;
const FRAME_BYTES = 200;

/** Those that are measured, each with so many subscriptions or streams. */
export function scaleEvents(subscriptions: number, sockets: number, streams: number): readonly ScaleEvent[] {
  const [many, most, some] = [subscriptions, sockets, streams].map((number) =>
    number.toLocaleString('en-US'),
  );
  return [
    {
      name: `a user is revoked among ${most} sockets of a tenant`,
      run: () => onScaleStage((stage) => revoke(stage, sockets, { tenant: 'acme', user: 'u7' })),
    },
    {
      name: `a tenant with ${most} sockets is revoked`,
      run: () => onScaleStage((stage) => revoke(stage, sockets, { tenant: 'acme' })),
    },
    {
      name: `${most} sessions are renewed, and as many users announced`,
      run: () => onScaleStage((stage) => renew(stage, sockets)),
    },
    {
      name: `${many} subscriptions of plain clients, lost and restored`,
      run: () => onScaleStage((stage) => restore(stage, subscriptions, joinPlain)),
    },
    {
      name: `${many} subscriptions of bridge.v1 clients, lost and restored`,
      run: () => onScaleStage((stage) => restore(stage, subscriptions, holdLog)),
    },
    {
      name: `${some} chats come from a bridge that drains`,
      run: () => onScaleStage((stage) => comeBack(stage, streams, 'drains')),
    },
    {
      name: `${some} chats come from a bridge that died`,
      run: () => onScaleStage((stage) => comeBack(stage, streams, 'died')),
    },
  ];
}

/** Connections without sockets, which the order finds and seals as it does others. */
async function revoke({ redis, startBridge }: ScaleStage, count: number, whom: object): Promise<Figures> {
  const { parts } = await startBridge();
  const { connections } = parts.upgradeHandler;
  let met = 0;
  const all = Array.from({ length: count }, (_, number) => ({
    caller: { identity: { tenantId: 'acme', userId: `u${number}`, roles: [] }, tokenJti: `j${number}` },
    path: '/ws/notifications',
    routeName: 'notifications',
    revoke: () => {
      parts.shares.once('acme', () => void (met += 1));
    },
    reauthorizeAt: () => undefined,
    retireAt: () => undefined,
    close: () => undefined,
    terminate: () => undefined,
  }));
  for (const connection of all) connections.add(connection);
  const wanted = 'user' in whom ? 1 : count;
  const figures = await watched(redis, wanted, async () => {
    await redis.publish(parts.names.control, JSON.stringify({ type: 'revoke', ...whom }));
    await until(() => met === wanted);
  });
  for (const connection of all) connections.delete(connection);
  return figures;
}

async function renew({ redis, startBridge }: ScaleStage, count: number): Promise<Figures> {
  const { parts } = await startBridge();
  const { sessions, quota } = parts;
  for (let number = 0; number < count; number += 1) {
    sessions.hold(`r${number}`, 'acme', `u${number}`, { evict: () => undefined }, 'all');
  }
  await inTurns(count, (number) => quota.acquire(`t${number % 100}`, `u${number}`));
  await sessions.renew();
  return watched(redis, count, () => Promise.all([sessions.renew(), quota.announce()]));
}

/** Figures of what `act` does. @param count how many things share its cost */
async function watched(
  redis: ScaleStage['redis'],
  count: number,
  act: () => Promise<unknown>,
): Promise<Figures> {
  const meter = new StretchMeter();
  const fromMs = performance.now();
  const spent = await spentOnEach(redis, count, async () => {
    meter.start();
    await act();
  });
  return { ...meter.stop(), ...spent, tookS: (performance.now() - fromMs) / 1000 };
}

type Subscribe = (open: OpenBridge, number: number) => Promise<unknown>;

const joinPlain: Subscribe = ({ parts }, number) => {
  const receiver: Receiver = { senderId: undefined, deliver: () => undefined };
  return parts.links.subscribers.subscriptions.join(channelOf(number), receiver);
};

const holdLog: Subscribe = async ({ parts }, number) => {
  const { replayLogs } = parts.resumption;
  await replayLogs.subscribed(replayLogs.hold(identityOf(number), undefined, {}));
};

async function restore(
  { redis, startBridge }: ScaleStage,
  count: number,
  subscribe: Subscribe,
): Promise<Figures> {
  const open = await startBridge();
  const { subscriptions } = open.parts.links.subscribers;
  await inTurns(count, (number) => subscribe(open, number));
  return watched(redis, count, async () => {
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until(() => !subscriptions.isLive(channelOf(0)));
    await until(() => subscriptions.isLive(channelOf(0)));
    // Replay logs are counted anew in shares of the loop's time.
    await open.parts.shares.settled();
  });
}

/** Chats with frames at one bridge are asked for by another, as when their clients come to it. */
async function comeBack(
  { redis, startBridge }: ScaleStage,
  count: number,
  how: 'drains' | 'died',
): Promise<Figures> {
  const [left, come] = [await startBridge(), await startBridge()];
  const logs: ReplayLog[] = [];
  await inTurns(count, async (number) => {
    const { replayLogs } = left.parts.resumption;
    const log = replayLogs.hold(identityOf(number), undefined, {});
    await replayLogs.subscribed(log);
    logs.push(log);
    const frame = 'x'.repeat(FRAME_BYTES);
    for (let frames = 0; frames < KEPT_FRAMES; frames += 1) await redis.publish(channelOf(number), frame);
  });
  await left.parts.links.subscribers.subscriptions.arrived(channelOf(0));
  const points = logs.map((log) => ({ owner: log.owner, epoch: log.epoch, offset: log.start }));
  if (how === 'died') await left.bridge.close();
  let resumed = 0;
  const figures = await watched(redis, count, () =>
    inTurns(count, async (number) => {
      const point = points[number];
      const { replayLogs, handover } = come.parts.resumption;
      if (point === undefined) return;
      const log = replayLogs.hold(identityOf(Number(point.owner)), point, {});
      await replayLogs.subscribed(log);
      if (typeof (await handover.ask(log, point)) === 'object') resumed += 1;
    }),
  );
  const ringMb = come.parts.resumption.ringBudget.bytes / 2 ** 20;
  return { ...figures, perSecond: count / (figures['tookS'] ?? NaN), resumed, ringMb };
}

function channelOf(number: number): string {
  return `ai:stream:s${number}`;
}

function identityOf(number: number): ReplayIdentity {
  const keeping = { maxItems: 1000, maxBytes: 2 ** 20, lingerMs: 600_000 };
  const channels = [channelOf(number)];
  return { tenant: 'acme', owner: `${number}`, channels, senderId: undefined, keeping };
}

/** Does something for each number, {@link AT_ONCE} of them at any time. */
async function inTurns(count: number, act: (number: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}
