import type { Redis } from 'ioredis';
import { connectService, type Service } from '../../../service/src/index';
import type { ServiceOptions } from '../../../service/src/options';
import type { RedisClient } from '../../../service/src/redis/client';
import { until } from '../../fault/until';
import { TOPOLOGIES, type Topology } from '../fixture';

/** A frame of an answer. */
export interface Heard {
  readonly type: string;
  readonly id?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A command's own fields, beside those that all have here. */
export type Said = Readonly<
  Partial<Record<'tenant' | 'session' | 'type' | 'data' | 'id' | 'traceparent', string>>
>;

/** How long anything here may take. */
const PATIENCE_MS = 20_000;
/** Short for a test that waits until a worker counts as dead, and long for a noisy machine. */
const SHORT_LEASE_MS = 3_000;
/** A lease that no noisy machine misses: of a worker that others must not take for dead, nor it itself. */
export const LONG_LEASE_MS = 60_000;

/** A stream of commands with workers at it, and ears at the channels of the answers. */
export class Stage {
  readonly redis: RedisClient;
  /** The faults that workers were told of. */
  readonly faults: unknown[] = [];
  readonly #topology: Topology;
  readonly #leaseMs: number;
  readonly #services: Service[] = [];
  #commands = 0;

  private constructor(topology: Topology, leaseMs: number) {
    this.#topology = topology;
    this.#leaseMs = leaseMs;
    this.redis = topology.redis;
  }

  /** @param leaseMs of its workers */
  static async start(name: keyof typeof TOPOLOGIES = 'one server', leaseMs = SHORT_LEASE_MS): Promise<Stage> {
    const topology = await TOPOLOGIES[name]?.();
    if (topology === undefined) throw new Error(`no topology ${name}`);
    return new Stage(topology, leaseMs);
  }

  /** Where workers of other processes connect. */
  get url(): string {
    return this.#topology.url;
  }

  /** A worker of the group `ai`. Others are dead to it after its lease. */
  worker(options: Partial<ServiceOptions> = {}): Service {
    const { redis } = this;
    const leaseMs = this.#leaseMs;
    const onFault = (cause: unknown): number => this.faults.push(cause);
    const service = connectService({ redis, group: 'ai', leaseMs, onFault, ...options });
    this.#services.push(service);
    return service;
  }

  /** Adds a command as a bridge does. @returns its entry */
  async command(said: Said, prefix = ''): Promise<string> {
    this.#commands += 1;
    const fields = { tenant: 'acme', user: 'ana', roles: 'r1,r2', session: 's1', type: 'ask', data: 'null' };
    const more = { request_id: `r${this.#commands}`, time: `${Date.now()}` };
    const entry = Object.entries({ ...fields, ...said, ...more }).flat();
    const id = await this.redis.xadd(`${prefix}ai:commands`, '*', ...entry);
    if (id === null) throw new Error('expected an entry');
    return id;
  }

  /** Listens to a session. @returns the frames that came so far */
  async hear(session: string, prefix = ''): Promise<() => readonly Heard[]> {
    const texts = await this.#topology.hear(`${prefix}ai:stream:${session}`);
    return () => texts.map((text) => JSON.parse(text) as Heard);
  }

  /** How many commands the group has that are not acknowledged. */
  async pending(): Promise<number> {
    const [count] = (await (this.redis as Redis).xpending('ai:commands', 'ai')) as [number];
    return count;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.close({ timeoutMs: 0 })));
    await this.#topology.stop();
  }
}

/** Waits for something, and says what it waited for when it does not come. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  if (!(await until(holds, PATIENCE_MS))) throw new Error(`expected ${what}`);
}

/** Whether a frame ends its answer. */
export function isEnd({ type }: Heard): boolean {
  return type === 'complete' || type === 'error';
}
