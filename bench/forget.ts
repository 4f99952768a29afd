import { Command } from 'commander';
import { lruCache } from '../plugin/lib/lru-cache';
import { ReplayGuard } from '../sidecar/handshake/replay-guard';
import { mainThreadMs } from './cpu-time';
import { thisMachine } from './machine';
import type { Figures } from './median';
import { count } from './options';
import { brief, progress, report, type Column } from './report';
import { runRounds, type Contestant } from './rounds';

const COLUMNS: readonly Column[] = [{ figure: 'cpuUs', title: 'CPU µs each', digits: 2 }];
/** How long an assertion is remembered, in seconds. */
const LIFETIME_S = 30;
const UPGRADES_PER_SECOND = [500, 2000, 5000];
const CACHED = [10_000, 100_000];

let ids = 0;

void main();

async function main(): Promise<void> {
  const { rounds } = new Command('bench:forget')
    .description(
      'To remember one more where the oldest is to be forgotten, beside a Map whose first entry is looked for.',
    )
    .option('--rounds <count>', 'rounds, of which the medians count', count, 3)
    .parse()
    .opts<{ readonly rounds: number }>();
  const contestants = [...UPGRADES_PER_SECOND.flatMap(guards), ...CACHED.flatMap(caches)];
  const results = await runRounds(rounds, contestants, (round, who, figures) => {
    progress(`forget, round ${round}, ${who}: ${brief(COLUMNS, figures)}`);
  });
  console.log(
    report({ bench: 'forget', machine: thisMachine(), settings: { rounds }, results, columns: COLUMNS }),
  );
}

function guards(perSecond: number): Contestant[] {
  const row = (name: string, accept: (id: string, endsAt: number, nowS: number) => void): Contestant => {
    let nowS = 1_000_000_000;
    const remember = (id: string): void => {
      nowS += 1 / perSecond;
      accept(id, nowS + LIFETIME_S, nowS);
    };
    return {
      name: `an assertion, ${perSecond}/s, ${name}`,
      run: () => trial(perSecond * LIFETIME_S, remember),
    };
  };
  const guard = new ReplayGuard(Infinity);
  const ends = new Map<string, number>();
  return [
    row('a Map', (id, endsAt, nowS) => {
      for (const [first, end] of ends) {
        if (end > nowS) break;
        ends.delete(first);
      }
      ends.set(id, endsAt);
    }),
    row('the replay guard', (id, endsAt, nowS) => guard.accept(id, endsAt, nowS, nowS)),
  ];
}

function caches(size: number): Contestant[] {
  const row = (name: string, remember: (id: string) => void): Contestant => ({
    name: `a token, of ${size}, ${name}`,
    run: () => trial(size, remember),
  });
  const cache = lruCache<object>(size);
  const map = new Map<string, object>();
  return [
    row('a Map', (id) => {
      map.set(id, {});
      const [oldest] = map.keys();
      if (map.size > size && oldest !== undefined) map.delete(oldest);
    }),
    row('the cache', (id) => cache.set(id, {})),
  ];
}

/** The cost of twice as many as are remembered, when there are that many. */
function trial(remembered: number, remember: (id: string) => void): Promise<Figures> {
  for (let index = 0; index < remembered; index += 1) remember(`an id ${(ids += 1)}`);
  const startMs = mainThreadMs();
  for (let index = 0; index < 2 * remembered; index += 1) remember(`an id ${(ids += 1)}`);
  return Promise.resolve({ cpuUs: ((mainThreadMs() - startMs) * 1000) / (2 * remembered) });
}
