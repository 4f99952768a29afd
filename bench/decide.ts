import { randomUUID } from 'node:crypto';
import { Command } from 'commander';
import { parseConfig } from '../plugin/config/parse';
import { decide, type DecisionContext } from '../plugin/decision/decide';
import { log } from '../plugin/lib/log';
import { verifierFor } from '../plugin/prepare';
import { RefusedUpgrades } from '../plugin/decision/refused-upgrades';
import { MemoryLimits } from '../plugin/store/memory-limits';
import type { RoutedUpgrade } from '../plugin/request/request';
import { memoryStore } from '../plugin/store/memory-store';
import { clockUs } from './clock';
import { ALGORITHMS, issuer, type Algorithm } from './decide/issuer';
import { TEN_RULES } from './decide/ten-rules';
import { thisMachine } from './machine';
import type { Figures } from './median';
import { count } from './options';
import { gatekeeperConfig } from './plugin-servers/config';
import { brief, progress, report, type Column } from './report';
import { runRounds } from './rounds';

const COLUMNS: readonly Column[] = [
  { figure: 'aloneUs', title: 'µs, one at a time', digits: 1 },
  { figure: 'perSecond', title: 'decisions/s, 32 at once' },
  { figure: 'cpuUs', title: 'CPU µs', digits: 1 },
];
const AT_ONCE = 32;
const WARMUP_DECISIONS = 500;
const USERS = 500;

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly only: string;
}

void main();

async function main(): Promise<void> {
  const { rounds, seconds, only } = new Command('bench:decide')
    .description("The gatekeeper's decision alone, in this process, by the algorithm of token and assertion.")
    .option('--rounds <count>', 'rounds, of which the medians count', count, 3)
    .option('--seconds <count>', 'measured seconds a trial', count, 1)
    .option('--only <text>', 'only those whose name this regular expression finds', '')
    .parse()
    .opts<Options>();
  const machine = thisMachine();
  const contestants = [
    ...ALGORITHMS.map((token) => ({ token, assertion: 'HS256' as const, tokenCacheSize: USERS })),
    ...ALGORITHMS.map((token) => ({ token, assertion: 'HS256' as const, tokenCacheSize: 0 })),
    ...(['ES256', 'EdDSA'] as const).map((assertion) => ({
      ...{ token: 'HS256' as const, assertion, tokenCacheSize: USERS },
    })),
    ...Object.keys(TEN_RULES).map((rules) => ({
      ...{ token: 'HS256' as const, assertion: 'HS256' as const, tokenCacheSize: USERS, rules },
    })),
    ...Object.keys(TEN_RULES).map((rules) => ({
      ...{ token: 'HS256' as const, assertion: 'HS256' as const, tokenCacheSize: USERS, rules, moves: true },
    })),
  ]
    .map((kind: Kind) => ({ name: nameOf(kind), run: () => trial(kind, seconds) }))
    .filter(({ name }) => new RegExp(only).test(name));
  const results = await runRounds(rounds, contestants, (round, who, figures) => {
    progress(`decide, round ${round}, ${who}: ${brief(COLUMNS, figures)}`);
  });
  console.log(report({ bench: 'decide', machine, settings: { rounds, seconds }, results, columns: COLUMNS }));
}

interface Kind {
  readonly token: Algorithm;
  readonly assertion: Exclude<Algorithm, 'RS256'>;
  readonly tokenCacheSize: number;
  /** Those of {@link TEN_RULES}; without rules by default. */
  readonly rules?: string;
  /** Whether each token asks for another path than the time before. */
  readonly moves?: boolean;
}

function nameOf({ token, tokenCacheSize, assertion, rules, moves }: Kind): string {
  const known = tokenCacheSize > 0 ? 'known' : 'new';
  const ruled = rules === undefined ? '' : `; ten rules, ${rules}`;
  return `token ${token}, ${known}; assertion ${assertion}${ruled}${moves ? '; another path each time' : ''}`;
}

async function trial(kind: Kind, seconds: number): Promise<Figures> {
  const decideNext = await decider(kind);
  for (let index = 0; index < WARMUP_DECISIONS; index += 1) await decideNext();
  const alone = await during(seconds, 1, decideNext);
  const together = await during(seconds, AT_ONCE, decideNext);
  return {
    aloneUs: alone.us / alone.decided,
    perSecond: (together.decided * 1_000_000) / together.us,
    cpuUs: together.cpuUs / together.decided,
  };
}

async function during(seconds: number, atOnce: number, work: () => Promise<void>) {
  const startUs = clockUs();
  const endUs = startUs + seconds * 1_000_000;
  const cpu = process.cpuUsage();
  let decided = 0;
  const oneAfterTheOther = async (): Promise<void> => {
    while (clockUs() < endUs) {
      await work();
      decided += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, oneAfterTheOther));
  const { user, system } = process.cpuUsage(cpu);
  return { decided, us: clockUs() - startUs, cpuUs: user + system };
}

/** Decides the upgrade of one user after the other. */
async function decider({
  token,
  assertion,
  tokenCacheSize,
  rules = '',
  moves = false,
}: Kind): Promise<() => Promise<void>> {
  const { config: issuing, tokens } = await issuer(token, USERS);
  const { privateKey = null } = await issuer(assertion, 0);
  const { config, keys } = await parseConfig(
    gatekeeperConfig({
      ...issuing,
      ...(assertion === 'HS256' ? {} : { assertion_secret: null, assertion_private_key: privateKey }),
      token_cache_size: tokenCacheSize,
      ...TEN_RULES[rules],
    }),
  );
  const store = memoryStore(() => Date.now() * 1000);
  const context: DecisionContext = {
    ...{ store, fallbackStore: store, assertionKey: keys.assertion, newId: randomUUID, random: Math.random },
    verifier: verifierFor(config, keys, log),
    refused: new RefusedUpgrades(() => performance.now() * 1000),
    messages: new MemoryLimits(() => 0, 2),
  };
  const paths = moves ? ['/ws/ai/chat', '/ws/ai/quick'] : ['/ws/ai/chat'];
  const requests = paths.flatMap((path) => tokens.map((bearer) => requestWith(bearer, path)));
  let next = 0;
  return async () => {
    const request = requests[(next += 1) % requests.length];
    if (request === undefined) throw new RangeError('expected at least one token');
    const { outcome } = await decide(request, config, context, Date.now() / 1000);
    if (outcome !== 'admitted') throw new Error(`expected it to be admitted, got ${outcome}`);
  };
}

function requestWith(token: string, upstreamPath: string): RoutedUpgrade {
  return {
    upstreamPath,
    headers: {
      host: ['gateway.example'],
      connection: ['Upgrade'],
      upgrade: ['websocket'],
      origin: ['https://app.example'],
      'sec-websocket-version': ['13'],
      'sec-websocket-key': ['dGhlIHNhbXBsZSBub25jZQ=='],
      authorization: [`Bearer ${token}`],
    },
  };
}
