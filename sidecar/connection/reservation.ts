import { forbidden, tooManyConnections, type Refusal } from '../http/refusal';
import type { ConnectionQuota } from '../quotas/connection-quota';
import type { Permit } from '../quotas/tenant-quota';
import type { SessionHolder, Sessions, Standing } from '../sessions/sessions';
import type { Admission } from './admission';
import type { Subscription } from './subscription';

/** Why a connection is refused whose session somebody else has. */
export const FOREIGN_SESSION = forbidden("the session is somebody else's");
/** Why a connection is refused that may not hear its channel. */
export const CHANNEL_NOT_ALLOWED = forbidden('Redis does not allow the channel');

/** A session that this bridge has just made. */
const NOBODYS: Standing = { isForeign: false, isNew: true, bridges: [] };

/** Shared by all reservations of a bridge. */
export interface ReservationContext {
  readonly quota: ConnectionQuota;
  readonly sessions: Sessions;
}

/**
 * Takes of Redis all that a connection needs before it is open, and gives it back. It takes a permit of the quota, a
 * subscription and the claim of a session.
 */
export class Reservation {
  readonly #admission: Admission;
  readonly #context: ReservationContext;
  readonly #subscription: Subscription;
  readonly #holder: SessionHolder;
  #permit: Permit | undefined;
  #isReleased = false;
  #forfeited: Refusal | undefined;

  /** @param holder evicted once its session turns out to be somebody else's */
  constructor(
    admission: Admission,
    context: ReservationContext,
    subscription: Subscription,
    holder: SessionHolder,
  ) {
    this.#admission = admission;
    this.#context = context;
    this.#subscription = subscription;
    this.#holder = holder;
  }

  /** Whether everything was given back. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Why it was forfeited, if it was. */
  get forfeited(): Refusal | undefined {
    return this.#forfeited;
  }

  /**
   * Takes a permit of the quota and subscribes to the channels, after which nothing published is missed. The session is claimed
   * last, because a claim outlives the connection: one that is refused leaves none.
   * @param isVain whether it is to be refused by now, whatever Redis says
   * @returns why it may not, or undefined
   * @throws when Redis is unreachable, and TooManyChannelsError
   */
  async establish(isVain: () => boolean): Promise<Refusal | undefined> {
    const asked = this.#lookUpSession();
    const taken = this.#takePermit();
    // Both are on their way to Redis. Most connections have a session to look up only when they come back.
    const [refusal, standing] =
      asked instanceof Promise ? await Promise.all([taken, asked]) : [await taken, asked];
    if (refusal !== undefined) return refusal;
    if (standing?.isForeign === true) return FOREIGN_SESSION;
    if (this.#isReleased) return undefined;
    await this.#subscription.join(standing);
    if (this.#forfeited !== undefined) return this.#forfeited;
    const { session } = this.#admission;
    if (session === undefined || this.#isOver() || isVain()) return undefined;
    return this.#claimSession(session, standing);
  }

  /** Gives back everything that was taken. Can be called at any stage, more than once. */
  release(): void {
    this.#isReleased = true;
    this.#permit?.release();
    const { session } = this.#admission;
    if (session !== undefined) this.#context.sessions.release(session, this.#holder);
    this.#subscription.leave();
  }

  /** Gives everything back, and keeps nothing for a client that comes back. @param reason for which it may have none of it */
  forfeit(reason: Refusal): void {
    this.#forfeited ??= reason;
    this.release();
    this.#subscription.forget();
  }

  /** Whether it was given back while something was waited for. */
  #isOver(): boolean {
    return this.#isReleased;
  }

  #takePermit(): Promise<Refusal | undefined> {
    const { tenantId, userId } = this.#admission.caller.identity;
    return this.#context.quota.acquire(tenantId, userId).then((permit) => {
      if (typeof permit === 'string') return tooManyConnections(permit);
      this.#permit = permit;
      if (this.#isReleased) permit.release();
      return undefined;
    });
  }

  /** An id that this bridge has just made is nobody's, and Redis is not asked. */
  #lookUpSession(): Promise<Standing> | Standing | undefined {
    const { session, isNewSession, caller } = this.#admission;
    if (session === undefined) return undefined;
    if (isNewSession) return NOBODYS;
    const { tenantId, userId } = caller.identity;
    return this.#context.sessions.lookUp(session, tenantId, userId, this.#subscription.keeps);
  }

  /** @param standing of the session, when it was looked up */
  async #claimSession(session: string, standing: Standing | undefined): Promise<Refusal | undefined> {
    const { sessions } = this.#context;
    const { tenantId, userId } = this.#admission.caller.identity;
    const { keeps } = this.#subscription;
    const claimed = await sessions.claim(session, tenantId, userId, keeps);
    if (claimed.isForeign) {
      this.#subscription.forget();
      return FOREIGN_SESSION;
    }
    if (!this.#isReleased) sessions.hold(session, tenantId, userId, this.#holder, keeps);
    if (standing?.isNew === true && !claimed.isNew) await this.#subscription.forestalled(claimed.bridges);
    return this.#forfeited;
  }
}
