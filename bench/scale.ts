import { announceIntervalMs } from '../sidecar/quotas/connection-quota';
import { renewIntervalMs } from '../sidecar/sessions/sessions';
import { parseSettings } from '../sidecar/settings/settings';
import { Command } from 'commander';
import { thisMachine } from './machine';
import { count } from './options';
import { ASSERTION_SECRET } from './peers/ws-bridge';
import { progress } from './report';
import { costOf, fasterThanLinear, type Cost } from './scale/cost';
import { ratesOf, type AddingUp, type Deployment, type Intervals, type Rates } from './scale/deployment';
import { scaleEvents } from './scale/events';
import { onScaleStage } from './scale/stage';
import { measureUnitCosts, type MeasuredCosts } from './scale/unit-costs';
import { cell, table } from './table';
import type { Figures } from './median';

/** Platforms that are reckoned, by their bridges. A bridge has 10,000 sockets and there are as many tenants as bridges. */
const BRIDGES = [1, 10, 100, 1000];
const SOCKETS_A_BRIDGE = 10_000;

interface ScaleOptions {
  readonly upgradeUs: number;
  readonly subscriptions: number;
  readonly sockets: number;
  readonly streams: number;
  readonly only?: 'costs' | 'events';
}

void main();

async function main(): Promise<void> {
  const options = new Command('bench:scale')
    .description(
      'What a platform of many bridges costs a second, by what is measured here and a model of the rest.',
    )
    .option(
      '--upgrade-us <count>',
      'CPU µs of an upgrade in a bridge, as bench:connect measures it',
      count,
      400,
    )
    .option('--subscriptions <count>', 'how many are lost and restored', count, 100_000)
    .option(
      '--sockets <count>',
      'among how many somebody is revoked, and of how many sessions are renewed',
      count,
      50_000,
    )
    .option('--streams <count>', 'how many chats come to another bridge', count, 10_000)
    .option('--only <part>', 'costs or events')
    .parse()
    .opts<ScaleOptions>();
  const machine = thisMachine();
  if (options.only !== 'events') {
    const costs = await onScaleStage((stage) => measureUnitCosts(stage, options.upgradeUs));
    console.log(unitTable(costs));
    for (const addingUp of ['each call', 'once a lease'] as const)
      console.log(platformTable(costs, addingUp));
    console.log(JSON.stringify({ bench: 'scale', machine, costs }));
  }
  if (options.only !== 'costs') console.log(await eventTable(options));
}

function unitTable({ redisUs, bridgeUs }: MeasuredCosts): string {
  const kinds = Object.keys(redisUs) as (keyof Rates)[];
  const rows = kinds.map((kind) => [WORDS[kind], cell(redisUs[kind], 2), cell(bridgeUs[kind], 2)]);
  return `\n${table(['CPU µs of one', 'Redis', 'a bridge'], rows)}`;
}

const WORDS: Readonly<Record<keyof Rates, string>> = {
  upgrades: 'upgrade of a chat, and its end',
  renewals: 'session renewed',
  announcements: 'number of connections announced',
  addends: "bridge's number added up",
  probes: 'probe',
  publishes: 'message published',
  deliveries: 'message delivered to a bridge',
  orders: 'order delivered to a bridge',
};

function platformTable({ redisUs, bridgeUs }: MeasuredCosts, addingUp: AddingUp): string {
  const intervals = shippedIntervals();
  const platforms = BRIDGES.map(platformOf);
  const rates = platforms.map((platform) => ratesOf(platform, intervals, addingUp));
  const redis = rates.map((each) => costOf(each, redisUs));
  const bridge = rates.map((each, index) => costOf(each, bridgeUs, platforms[index]?.bridges));
  const kinds = Object.keys(redisUs) as (keyof Rates)[];
  const titles = [`cores; limits are added up ${addingUp}`, ...platforms.map(platformTitle)];
  const rows = [
    ...kinds.map((kind) => [`Redis: ${WORDS[kind]}`, ...redis.map(({ by }) => cell(by[kind], 3))]),
    ['**Redis, all of it**', ...redis.map(({ cores }) => cell(cores, 3))],
    ['**each bridge**', ...bridge.map(({ cores }) => cell(cores, 4))],
  ];
  return [`\n${table(titles, rows)}`, ...growth(redis, platforms, 'Redis')].join('\n');
}

function growth(costs: readonly Cost[], platforms: readonly Deployment[], where: string): string[] {
  return costs.slice(1).flatMap((after, index) => {
    const [before, from, to] = [costs[index], platforms[index], platforms[index + 1]];
    if (before === undefined || from === undefined || to === undefined) return [];
    return fasterThanLinear(before, after, to.sockets / from.sockets).map(
      ({ kind, times }) =>
        `${where}: ${WORDS[kind]} grows ${cell(times, 1)} times as fast as sockets up to ${cell(to.bridges)} bridges`,
    );
  });
}

function platformOf(bridges: number): Deployment {
  return {
    bridges,
    sockets: bridges * SOCKETS_A_BRIDGE,
    tenants: bridges,
    socketsPerUser: 2,
    chatShare: 0.5,
    socketLifeSeconds: 900,
    noticesPerTenant: 1 / 60,
    messagesPerSocket: 0.01,
    ordersPerUser: 1 / 1000 / 3600,
  };
}

function platformTitle({ bridges, sockets }: Deployment): string {
  return `${cell(bridges)} × ${cell(sockets / bridges)}`;
}

/** As they are shipped. */
function shippedIntervals(): Intervals {
  const { connectionLeaseMs, sessionTtlMs, probeIntervalMs } = parseSettings({
    BRIDGE_ASSERTION_SECRET: ASSERTION_SECRET,
  });
  return {
    announceSeconds: announceIntervalMs(connectionLeaseMs) / 1000,
    leaseSeconds: connectionLeaseMs / 1000,
    renewSeconds: renewIntervalMs(sessionTtlMs) / 1000,
    probeSeconds: probeIntervalMs / 1000,
    probes: 2,
  };
}

const EVENT_COLUMNS: readonly (readonly [string, string, number])[] = [
  ['tookS', 's', 1],
  ['wallMs', 'longest stretch, ms', 1],
  ['loopMs', 'of the loop alone', 1],
  ['cpuMs', 'of CPU time', 1],
  ['redisUs', 'Redis µs each', 1],
  ['bridgeUs', 'bridges µs each', 1],
  ['perSecond', 'a second', 0],
  ['resumed', 'resumed', 0],
  ['ringMb', 'MB of frames', 1],
];

async function eventTable({ subscriptions, sockets, streams }: ScaleOptions): Promise<string> {
  const rows: string[][] = [];
  for (const { name, run } of scaleEvents(subscriptions, sockets, streams)) {
    const figures: Figures = await run();
    rows.push([name, ...EVENT_COLUMNS.map(([figure, , digits]) => cell(figures[figure], digits))]);
    progress(`${name}: ${JSON.stringify(figures)}`);
  }
  return `\n${table(['', ...EVENT_COLUMNS.map(([, title]) => title)], rows)}`;
}
