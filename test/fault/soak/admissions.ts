import type { KongWorker } from '../../fakes/kong-worker';
import { rawConfig, signToken } from '../../plugin/fixture';
import type { GatekeeperProcess } from '../gatekeeper-process';
import { wait } from '../until';

/** Between two questions, in milliseconds. */
const PAUSE_MS = 100;
/** Every so many upgrades has a revoked token. */
const REVOKED_EVERY = 10;
const TOKEN_SECONDS = 900;

/** The id of every revoked token here. */
export const REVOKED_JTI = 'revoked';

/**
 * Upgrades that a gatekeeper decides, one after the other, each with a new token of a new user. The configuration changes now and then, as with
 * `kong reload`.
 */
export class Admissions {
  /** How many were answered, by status: `admitted` is none. */
  readonly answers: Record<string, number> = {};
  /** How many were admitted with a revoked token. */
  revokedAdmitted = 0;
  readonly #gatekeeper: GatekeeperProcess;
  readonly #redisUrl: string;
  readonly #tenants: number;
  #worker: KongWorker;
  #generation = 0;
  #count = 0;
  #isOld = false;
  #isOver = false;
  #running: Promise<void> = Promise.resolve();

  constructor(gatekeeper: GatekeeperProcess, redisUrl: string, tenants: number) {
    this.#gatekeeper = gatekeeper;
    this.#redisUrl = redisUrl;
    this.#tenants = tenants;
    this.#worker = this.#newWorker();
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** The next upgrade is decided by another configuration: the worker of the one before ends, as Kong's do. */
  reload(): void {
    this.#isOld = true;
  }

  #renew(): void {
    this.#isOld = false;
    this.#worker.close();
    this.#generation += 1;
    this.#worker = this.#newWorker();
  }

  /** How many a minute a tenant may open is another number in each configuration. */
  #newWorker(): KongWorker {
    const redis = { ...(rawConfig()['redis'] as object), url: this.#redisUrl, timeout: 500 };
    const limit = {
      by: 'tenant',
      limit: 100_000 + this.#generation,
      window_size: 60,
      burst: 1000,
      paths: [],
      tiers: {},
    };
    return this.#gatekeeper.worker({
      redis,
      rate_limits: [limit],
      revocation: { enabled: true, key_prefix: 'blacklist:', fault_tolerant: false },
    });
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      if (this.#isOld) this.#renew();
      await this.#ask();
      await wait(PAUSE_MS);
    }
  }

  async #ask(): Promise<void> {
    this.#count += 1;
    const isRevoked = this.#count % REVOKED_EVERY === 0;
    const iat = Math.floor(Date.now() / 1000);
    const token = await signToken({
      ...{
        iat,
        exp: iat + TOKEN_SECONDS,
        tenant_id: `t${this.#count % this.#tenants}`,
        sub: `v${this.#count}`,
      },
      jti: isRevoked ? REVOKED_JTI : `jti-${this.#count}`,
    });
    const answer = await this.#worker
      .upgrade({ upgrade: 'websocket', authorization: `Bearer ${token}` })
      .then(
        ({ status }) => (status === undefined ? 'admitted' : `${status}`),
        (cause: unknown) => String(cause),
      );
    this.answers[answer] = (this.answers[answer] ?? 0) + 1;
    if (isRevoked && answer === 'admitted') this.revokedAdmitted += 1;
  }
}
