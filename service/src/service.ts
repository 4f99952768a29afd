import type { ServiceOptions } from './options';
import { checkOptions, DEFAULT_STATE_TTL_SECONDS } from './options';
import { checkNames } from './publications/check-names';
import { Dashboards, type Dashboard } from './publications/dashboard';
import { Revocations, type RevokedToken, type RevokedUser } from './publications/revoke';
import { ServiceNames } from './redis/names';
import { publisher, type Publish } from './redis/publish';

/** A service behind Redis: what it tells clients. */
export class Service {
  readonly #options: ServiceOptions;
  readonly #names: ServiceNames;
  readonly #publish: Publish;
  readonly #dashboards: Dashboards;
  readonly #revocations: Revocations;

  /** @throws TypeError at an option that cannot be */
  constructor(options: ServiceOptions) {
    checkOptions(options);
    this.#options = options;
    this.#names = new ServiceNames(options.prefix ?? '');
    this.#publish = publisher(options.redis);
    this.#dashboards = new Dashboards(options.redis);
    this.#revocations = new Revocations(options.redis, this.#names, options.now ?? Date.now);
  }

  /**
   * Publishes a frame to a channel of your own.
   * @param channel without the prefix; values in it are escaped with `escapeSegment`
   * @returns how many bridges heard it; rejects when Redis does not confirm it
   */
  publish(channel: string, frame: unknown): Promise<number> {
    return this.#publish(this.#names.of(channel), JSON.stringify(frame));
  }

  /** A dashboard, to refresh. Its refreshes by this service keep their order. */
  dashboard(tenant: string, id: string): Dashboard {
    return this.#dashboards.at({
      channel: this.#names.dashboard('refresh', tenant, id),
      stateKey: this.#names.dashboard('state', tenant, id),
      stateTtlSeconds: this.#options.stateTtlSeconds ?? DEFAULT_STATE_TTL_SECONDS,
    });
  }

  /**
   * Publishes `{"type": "notification", "data": …}`.
   * @param to one user; nobody named is every user of the tenant
   * @returns how many bridges heard it; rejects when Redis does not confirm it
   * @throws TypeError at a `user` that is there and is no text: everyone would get what is for one
   */
  async notify(tenant: string, to: { readonly user?: string }, data: unknown): Promise<number> {
    checkNames(to, 'user');
    const text = JSON.stringify({ type: 'notification', data });
    return this.#publish(this.#names.notifications(tenant, to.user), text);
  }

  /**
   * Closes the sockets of a token, a user or a tenant, and blacklists a token.
   * @returns how many bridges heard it
   * @throws TypeError at a member that is there and is no text: it would be left out, and more than meant be revoked
   */
  revoke(what: RevokedToken | RevokedUser): Promise<number> {
    return this.#revocations.revoke(what);
  }
}

/** @throws TypeError at an option that cannot be */
export function connectService(options: ServiceOptions): Service {
  return new Service(options);
}
