import type { KongWorker } from '../fakes/kong-worker';
import { signToken } from '../plugin/fixture';
import { wait } from './until';

/** Between two upgrades of a tenant, in milliseconds. */
const PAUSE_MS = 20;

/** Upgrades of many tenants at once, each with a good token and a revoked one by turns, and what became of them. */
export class Upgrades {
  /** How many were answered, by status: `admitted` is none. */
  readonly answers: Record<string, number> = {};
  /** How many were admitted with a revoked token. */
  revokedAdmitted = 0;
  /** The slowest answer. */
  slowestMs = 0;
  readonly #kong: KongWorker;
  /** When the last one that was admitted began, by tenant. */
  readonly #admittedAtMs = new Map<string, number>();
  #tenants: readonly Tenant[] = [];
  #isOver = false;
  #running: Promise<unknown> = Promise.resolve();

  private constructor(kong: KongWorker) {
    this.#kong = kong;
  }

  /** Makes the tokens. @param revoke makes a token's id revoked */
  static async of(
    kong: KongWorker,
    tenants: number,
    revoke: (jti: string) => Promise<unknown>,
  ): Promise<Upgrades> {
    const upgrades = new Upgrades(kong);
    upgrades.#tenants = await Promise.all(
      Array.from({ length: tenants }, (_, index) => tenantOf(`t${index}`, revoke)),
    );
    return upgrades;
  }

  /** Begins; each tenant goes on until it is stopped. */
  start(): void {
    this.#isOver = false;
    this.#running = Promise.all(this.#tenants.map((tenant) => this.#run(tenant)));
  }

  /** Resolves when the last one is answered. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** Whether every tenant had one admitted that began after this moment of `performance.now()`. */
  areAdmittedSince(momentMs: number): boolean {
    return this.#tenants.every(({ name }) => (this.#admittedAtMs.get(name) ?? 0) > momentMs);
  }

  /** One of each tenant, all at once. @returns what became of the good tokens */
  async once(): Promise<readonly string[]> {
    return Promise.all(this.#tenants.map((tenant) => this.#ask(tenant, tenant.good)));
  }

  async #run(tenant: Tenant): Promise<void> {
    while (!this.#isOver) {
      await this.#ask(tenant, tenant.good);
      if ((await this.#ask(tenant, tenant.revoked)) === ADMITTED) this.revokedAdmitted += 1;
      await wait(PAUSE_MS);
    }
  }

  async #ask({ name, good }: Tenant, token: string): Promise<string> {
    const begunMs = performance.now();
    const { status } = await this.#kong.upgrade({ upgrade: 'websocket', authorization: `Bearer ${token}` });
    this.slowestMs = Math.max(this.slowestMs, performance.now() - begunMs);
    const answer = status === undefined ? ADMITTED : `${status}`;
    this.answers[answer] = (this.answers[answer] ?? 0) + 1;
    if (answer === ADMITTED && token === good) this.#admittedAtMs.set(name, begunMs);
    return answer;
  }
}

const ADMITTED = 'admitted';

interface Tenant {
  readonly name: string;
  readonly good: string;
  readonly revoked: string;
}

async function tenantOf(name: string, revoke: (jti: string) => Promise<unknown>): Promise<Tenant> {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iat, exp: iat + 3600, tenant_id: name };
  const [good, revoked] = [`${name}-good`, `${name}-revoked`];
  await revoke(revoked);
  return {
    name,
    good: await signToken({ ...claims, jti: good }),
    revoked: await signToken({ ...claims, jti: revoked }),
  };
}
