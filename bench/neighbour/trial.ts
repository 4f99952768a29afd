import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withBackstage, type Backstage } from '../backstage';
import { clockUs, untilUs } from '../clock';
import { startMeter } from '../cpu-meter';
import type { Figures } from '../median';
import { startBridge } from '../peers/ws-bridge';
import { privateRedis } from '../private-redis';
import type { PublisherCalls } from '../publisher/calls';
import { respCommand } from '../publisher/resp';
import { serverPort } from '../server-port';
import type { ServerProcess } from '../server-process';
import { PAYLOAD } from '../stamp';
import { chats } from '../topic';
import type { Worker } from '../worker';
import { askRateRefusals } from './refusals';
import { KeptKeys } from './kept-keys';
import { MemoryWatch } from './memory-watch';
import type { PhaseFigures } from './observations';
import { attackEndsUs, PHASES, scheduleFrom, type Phase, type Schedule, type Strength } from './schedule';
import type { Attack } from './tenant-a/attack';
import type { Deeds, Part, TenantACalls } from './tenant-a/calls';
import type { TenantBCalls } from './tenant-b/calls';

/** Tenant B: chat sessions with a socket each, and the tokens of each in a second. */
const CHATS = 20;
const TOKENS_PER_CHAT = 50;
const TOKENS_PER_SECOND = CHATS * TOKENS_PER_CHAT;
/** After B's sockets have opened, before its first token. */
const SETTLE_US = 500_000;
/** After what lingers has gone, for memory to come back. */
const REST_MS = 3000;

/** How a trial is run. */
export interface TrialOptions {
  /** Seconds of each phase. */
  readonly seconds: number;
  readonly nodeFlags: readonly string[];
  /** Whether A attacks a bridge and a Redis that B does not use: what A costs B then is the machine's, not the bridge's. */
  readonly isElsewhere: boolean;
}

/** The outcome of one attack. */
export interface TrialOutcome {
  /** B's observations, with the bridge's memory and the cores of bridge and A. */
  readonly phases: Readonly<Record<Phase, PhaseFigures>>;
  readonly deeds: Readonly<Record<Strength, Deeds>>;
}

/**
 * Milliseconds that the bridge keeps A's frames after A left. It is as long as A attacks, so that no less adds up than
 * with 60 seconds.
 */
export function lingerMs(seconds: number): number {
  return 2 * seconds * 1000;
}

/** Starts a bridge and a Redis, has tenant B use them, and lets tenant A attack. */
export function neighbourTrial(attack: Attack, options: TrialOptions): Promise<TrialOutcome> {
  const { seconds } = options;
  return withBackstage(async (backstage) => {
    const stage = await setUp(backstage, attack, options);
    const schedule = scheduleFrom(clockUs() + SETTLE_US, seconds);
    const { port, adminPort } = stage;
    const plan = { port, adminPort, schedule, chats: CHATS, tokensPerSecond: TOKENS_PER_SECOND };
    await stage.b.call('begin', plan);
    const published = publishTokens(backstage, stage.redis.port, schedule, lingerMs(seconds) + REST_MS);
    const measures = await measurePhases(stage, attack, schedule);
    const { counts } = await published;
    const afterMb = stage.memory.nowMb();
    const seen = await stage.b.call('report', counts);
    const ended = hasEnded(stage.bridge) ? 1 : 0;
    const phases = withMeasures(seen, measures.figures);
    const { over } = phases;
    const { figures } = over;
    return {
      phases: { ...phases, over: { ...over, figures: { ...figures, afterMb, ended } } },
      deeds: measures.deeds,
    };
  });
}

interface TrialStage {
  readonly redis: ServerProcess;
  readonly bridge: ServerProcess;
  readonly port: number;
  readonly adminPort: number;
  /** The ports of the bridge and the Redis that A attacks. */
  readonly attacked: { readonly port: number; readonly redisPort: number };
  readonly b: Worker<TenantBCalls>;
  readonly a: Readonly<Record<Part, Worker<TenantACalls>>>;
  readonly memory: MemoryWatch;
  readonly kept: KeptKeys;
}

async function setUp(
  backstage: Backstage,
  attack: Attack,
  { isElsewhere, ...options }: TrialOptions,
): Promise<TrialStage> {
  const { keep, worker } = backstage;
  const { redis, bridge, port, adminPort } = await setUpBridge(backstage, attack, options);
  const other = isElsewhere ? await setUpBridge(backstage, attack, options) : { port, redis };
  const attacked = { port: other.port, redisPort: other.redis.port };
  const kept = await keep(KeptKeys.set(redis.port));
  const memory = await keep(Promise.resolve(new MemoryWatch(bridge.pid)));
  const b = worker<TenantBCalls>('neighbour/tenant-b/main.js');
  const tenantA = 'neighbour/tenant-a/main.js';
  const a = { clients: worker<TenantACalls>(tenantA), service: worker<TenantACalls>(tenantA) };
  return { redis, bridge, port, adminPort, attacked, b, a, memory, kept };
}

async function setUpBridge(
  { folder, keep }: Backstage,
  attack: Attack,
  { seconds, nodeFlags }: Pick<TrialOptions, 'seconds' | 'nodeFlags'>,
): Promise<Pick<TrialStage, 'redis' | 'bridge' | 'port' | 'adminPort'>> {
  const redis = await keep(privateRedis(folder, attack.redis));
  const [port, adminPort] = [await serverPort(), await serverPort()];
  const place = { redisPort: redis.port, port, folder, nodeFlags };
  const settings = { BRIDGE_LINGER_MS: `${lingerMs(seconds)}`, ...routesFile(folder, attack) };
  return { redis, bridge: await keep(startBridge(place, adminPort, settings)), port, adminPort };
}

function routesFile(folder: string, { name, routes }: Attack): Readonly<Record<string, string>> {
  if (routes === undefined) return {};
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify({ routes }));
  return { BRIDGE_ROUTES_FILE: file };
}

/** They go on while memory comes back: a bridge that nothing happens on frees nothing. */
async function publishTokens(
  { worker }: Backstage,
  port: number,
  { beginUs, endUs }: Schedule,
  longerMs: number,
): Promise<{ readonly counts: readonly number[] }> {
  const publisher = worker<PublisherCalls>('publisher/main.js');
  const messages = chats(CHATS).map(({ channel }) => respCommand('PUBLISH', channel, PAYLOAD));
  return publisher.call('publish', {
    protocol: 'redis',
    port,
    messages,
    messagesPerSecond: TOKENS_PER_SECOND,
    startUs: beginUs,
    endUs: endUs + longerMs * 1000,
  });
}

interface Measures {
  readonly figures: Readonly<Record<Phase, Figures>>;
  readonly deeds: Readonly<Record<Strength, Deeds>>;
}

async function measurePhases(stage: TrialStage, attack: Attack, schedule: Schedule): Promise<Measures> {
  await untilUs(schedule.startUs.calm);
  const calm = await measured(stage, schedule.startUs.within, () => Promise.resolve());
  const within = await measured(stage, schedule.startUs.over, () =>
    attackIn(stage, attack, schedule, 'within'),
  );
  const over = await measured(stage, schedule.endUs, () => attackIn(stage, attack, schedule, 'over'));
  return {
    figures: { calm: calm.figures, within: within.figures, over: over.figures },
    deeds: { within: within.done, over: over.done },
  };
}

/** One phase: what it cost the bridge and A. */
async function measured<T>(
  { bridge, redis, a, memory, kept, adminPort }: TrialStage,
  endUs: number,
  happening: () => Promise<T>,
): Promise<{ readonly figures: Figures; readonly done: T }> {
  memory.takePeakMb();
  const processes = { bridge: [bridge.pid], redis: [redis.pid], a: [a.clients.pid, a.service.pid] };
  const meter = hasEnded(bridge) ? undefined : startMeter(processes);
  const before = await askRateRefusals(adminPort);
  const done = await happening();
  await untilUs(endUs);
  const { us, cpuUs } = meter === undefined || hasEnded(bridge) ? NOTHING_SPENT : meter();
  const after = await askRateRefusals(adminPort);
  const figures = {
    tooMany: after.messages - before.messages,
    cut4429: after.closed - before.closed,
    peakMb: memory.takePeakMb(),
    evicted: await kept.lost(),
    bridgeCores: cpuUs.bridge / us,
    redisCores: cpuUs.redis / us,
    aCores: cpuUs.a / us,
  };
  return { figures, done };
}

const NOTHING_SPENT = { us: 1, cpuUs: { bridge: NaN, redis: NaN, a: NaN } };

/** Lets A attack until its time is up. @returns what its clients did, and its service beside them */
async function attackIn(
  { a, attacked }: TrialStage,
  attack: Attack,
  schedule: Schedule,
  strength: Strength,
): Promise<Deeds> {
  const startUs = schedule.startUs[strength];
  const endUs = attackEndsUs(schedule, strength);
  const order = { attack: attack.name, strength, ...attacked, startUs, endUs };
  const [clients, service] = await Promise.all([
    a.clients.call('attack', { ...order, part: 'clients' }),
    attack.service && a.service.call('attack', { ...order, part: 'service' }),
  ]);
  return service === undefined
    ? clients
    : {
        ...clients,
        writes: clients.writes + service.writes,
        megabytes: clients.megabytes + service.megabytes,
      };
}

function withMeasures(
  seen: Readonly<Record<Phase, PhaseFigures>>,
  measures: Readonly<Record<Phase, Figures>>,
): Record<Phase, PhaseFigures> {
  const entries = PHASES.map((phase) => {
    const { figures, refusals } = seen[phase];
    return [phase, { refusals, figures: { ...figures, ...measures[phase] } }] as const;
  });
  return Object.fromEntries(entries) as Record<Phase, PhaseFigures>;
}

function hasEnded(server: ServerProcess): boolean {
  try {
    server.expectRunning();
    return false;
  } catch {
    return true;
  }
}
