import type { Redis } from 'ioredis';
import { table } from '../../../bench/table';
import type { Memory } from '../program';
import { trendOf, type Series, type Trend } from './series';

const MIB = 1024 * 1024;

/** The figures that are watched of a program, by the name of their metric. */
const FIGURES = [
  {
    metric: 'process_resident_memory_bytes',
    name: 'resident memory',
    unit: 'MiB',
    per: MIB,
    tolerance: { share: 0.1, least: 8 },
  },
  {
    metric: 'nodejs_heap_size_used_bytes',
    name: 'heap used',
    unit: 'MiB',
    per: MIB,
    tolerance: { share: 0.15, least: 4 },
  },
  { metric: 'process_open_fds', name: 'descriptors', unit: '', per: 1, tolerance: { share: 0.05, least: 2 } },
  {
    metric: 'nodejs_eventloop_lag_p99_seconds',
    name: 'event loop delay, p99',
    unit: 'ms',
    per: 0.001,
    tolerance: { share: 0.25, least: 5 },
  },
] as const;

/** Reads samples of programs and of Redis now and then, and says whether they stay flat. */
export class Watch {
  readonly #series = new Map<string, Series>();

  /** A sample of what a program exports. */
  async ofProgram(name: string, adminPort: number, atMs: number): Promise<void> {
    const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
    for (const { metric, name: figure, unit, per, tolerance } of FIGURES)
      this.#add({ name: `${name}: ${figure}`, unit, tolerance }, atMs, valueOf(text, metric) / per);
  }

  /** A sample of a program's memory without its garbage: how much of that there is goes up and down for half an hour at a time. */
  ofMemory(name: string, { residentBytes, heapUsedBytes }: Memory, atMs: number): void {
    const figures = [
      { figure: 'resident memory', bytes: residentBytes, tolerance: { share: 0.05, least: 4 } },
      { figure: 'heap used', bytes: heapUsedBytes, tolerance: { share: 0.1, least: 2 } },
    ];
    for (const { figure, bytes, tolerance } of figures)
      this.#add({ name: `${name}: ${figure}, collected`, unit: 'MiB', tolerance }, atMs, bytes / MIB);
  }

  /** A sample of what Redis keeps. */
  async ofRedis(redis: Redis, atMs: number): Promise<void> {
    const memory = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
    const lasting = await keysWithoutTtl(redis);
    const none = { share: 0, least: 0.5 };
    this.#add(
      { name: 'Redis: memory used', unit: 'MiB', tolerance: { share: 0.1, least: 1 } },
      atMs,
      memory / MIB,
    );
    this.#add(
      { name: 'Redis: keys', unit: '', tolerance: { share: 0.1, least: 20 } },
      atMs,
      await redis.dbsize(),
    );
    this.#add({ name: 'Redis: keys without TTL', unit: '', tolerance: none }, atMs, lasting.length);
  }

  /** The trend of each series, by its name. */
  trends(): ReadonlyMap<string, Trend> {
    return new Map([...this.#series.values()].map((series) => [series.name, trendOf(series)]));
  }

  /** The same for people. */
  table(): string {
    const rows = [...this.#series.values()].map((series) => {
      const { median, max, growth, allowed, isFlat } = trendOf(series);
      const cells = [series.samples[0]?.value ?? NaN, median, max, growth, allowed].map((value) =>
        value.toFixed(1),
      );
      return [
        `${series.name}${series.unit === '' ? '' : `, ${series.unit}`}`,
        ...cells,
        isFlat ? 'flat' : 'GROWS',
      ];
    });
    return table(['Figure', 'First', 'Median', 'Most', 'Growth', 'Allowed', 'Verdict'], rows);
  }

  #add(kind: Omit<Series, 'samples'>, atMs: number, value: number): void {
    let series = this.#series.get(kind.name);
    if (series === undefined) this.#series.set(kind.name, (series = { ...kind, samples: [] }));
    series.samples.push({ atMs, value });
  }
}

/** The names of the keys that stay for ever. */
export async function keysWithoutTtl(redis: Redis): Promise<readonly string[]> {
  const found = new Set<string>();
  for (let cursor = '0', isOver = false; !isOver; isOver = cursor === '0') {
    const [next, keys] = await redis.scan(cursor, 'COUNT', 1000);
    cursor = next;
    const ttls = await Promise.all(keys.map((key) => redis.pttl(key)));
    for (const [index, key] of keys.entries()) if (ttls[index] === -1) found.add(key);
  }
  return [...found].sort();
}

function valueOf(metrics: string, name: string): number {
  const value = new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(metrics)?.[1];
  if (value === undefined) throw new Error(`no metric ${name}`);
  return Number(value);
}
