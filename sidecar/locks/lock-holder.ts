import type { LockFrame, UnlockReason } from '../../protocol/frames';
import type { LockOutcome } from '../metrics/outcomes';
import type { HeldLocks, OwnLock } from './held-locks';
import type { LockMessage } from './lock-message';
import type { LockAnswer, LockedDocument, LockRefusal, LockStore } from './lock-store';

/** A client as its locks see it. */
export interface LockClient {
  /** Sends a text message. */
  send(text: string): void;
}

/** Whose locks they are. */
export interface LockOwner extends LockedDocument {
  readonly userId: string;
  /** The holder of locks that are this socket's alone. No client names itself so. */
  readonly socket: string;
}

/** A holder's locks are taken with these. */
export interface LockHolderContext {
  readonly store: Pick<LockStore, 'take'>;
  readonly monotonicMs: () => number;
  readonly lingerMs: number;
  readonly maxPerSocket: number;
  readonly onOutcome: (outcome: LockOutcome) => void;
}

/** Why a client's message about a lock was not obeyed: Redis did not confirm it, or it may not have the lock. */
export type LockDenial = LockRefusal | 'socket' | 'unconfirmed';

/** The locks of one socket. */
export class LockHolder {
  readonly #owner: LockOwner;
  readonly #client: LockClient;
  readonly #held: HeldLocks;
  readonly #context: LockHolderContext;
  readonly #onLeft: () => void;
  /** By name, with whether their client named the holder. */
  readonly #locks = new Map<string, { readonly lock: OwnLock; readonly isNamed: boolean }>();
  /** One message after the other. */
  #before: Promise<unknown> = Promise.resolve();
  /** By name, the latest message that is not obeyed yet. */
  readonly #wishes = new Map<string, LockMessage>();
  /** Once its socket is gone: whether its client may come back. */
  #mayComeBack: boolean | undefined;

  constructor(
    owner: LockOwner,
    client: LockClient,
    held: HeldLocks,
    context: LockHolderContext,
    onLeft: () => void,
  ) {
    this.#owner = owner;
    this.#client = client;
    this.#held = held;
    this.#context = context;
    this.#onLeft = onLeft;
  }

  /**
   * Takes a message about a lock, and answers it when it is obeyed. Never rejects.
   * @returns why it was not obeyed
   */
  take(message: LockMessage): Promise<LockDenial | undefined> {
    const { name, kind } = message;
    this.#wishes.set(name, message);
    const taken = this.#before
      .then(() => (kind === 'lock' ? this.#lock(message) : this.#unlock(message)))
      .finally(() => {
        if (this.#wishes.get(name) === message) this.#wishes.delete(name);
      });
    this.#before = taken;
    return taken;
  }

  /** The socket is gone; once, however often it is called. */
  leave(mayComeBack: boolean): void {
    if (this.#hasLeft) return;
    this.#mayComeBack = mayComeBack;
    const locks = [...this.#locks.values()];
    this.#locks.clear();
    const mayLinger = locks.map(({ lock, isNamed }) => isNamed && !this.#isGivenBack(lock));
    for (const isKept of [true, false])
      this.#letEnd(
        locks.map(({ lock }) => lock).filter((_, index) => mayLinger[index] === isKept),
        isKept,
      );
    this.#onLeft();
  }

  async #lock({ name, holder }: LockMessage): Promise<LockDenial | undefined> {
    const { store, monotonicMs, maxPerSocket, onOutcome } = this.#context;
    const { socket, ...owner } = this.#owner;
    const own = this.#locks.get(name)?.lock;
    if (own !== undefined) {
      this.#tell({ type: 'bridge.locked', data: { name, token: Number(own.token) } });
      return undefined;
    }
    if (this.#hasLeft) return 'unconfirmed';
    if (this.#locks.size >= maxPerSocket) return this.#denied('socket');
    const sinceMs = monotonicMs();
    let answer: LockAnswer;
    try {
      answer = await store.take({ ...owner, name, holder: holder ?? socket });
    } catch {
      return this.#denied('unconfirmed');
    }
    if (typeof answer === 'string') return this.#denied(answer);
    onOutcome(answer.hadIt ? 'resumed' : 'granted');
    this.#took(name, answer.token, holder !== undefined, sinceMs);
    return undefined;
  }

  #took(name: string, token: string, isNamed: boolean, sinceMs: number): void {
    const { tenantId, channel } = this.#owner;
    const lock: OwnLock = {
      ...{ tenantId, channel, name, token },
      onLost: () => {
        this.#locks.delete(name);
        this.#unlocked(name, 'lost');
      },
    };
    this.#held.add(lock, sinceMs);
    if (this.#hasLeft) {
      this.#letEnd([lock], isNamed && !this.#isGivenBack(lock));
      return;
    }
    this.#locks.set(name, { lock, isNamed });
    this.#tell({ type: 'bridge.locked', data: { name, token: Number(token) } });
  }

  async #unlock({ name }: LockMessage): Promise<LockDenial | undefined> {
    const lock = this.#locks.get(name)?.lock;
    if (lock !== undefined) {
      this.#locks.delete(name);
      this.#held.remove(lock);
      try {
        await this.#held.end([lock], 0);
        this.#context.onOutcome('freed');
      } catch {
        return this.#denied('unconfirmed');
      }
    }
    this.#unlocked(name, 'freed');
    return undefined;
  }

  get #hasLeft(): boolean {
    return this.#mayComeBack !== undefined;
  }

  /** Its client does not want it any more, and the socket ended before that was obeyed. */
  #isGivenBack({ name }: OwnLock): boolean {
    return this.#wishes.get(name)?.kind === 'unlock';
  }

  /** @param isKept whether their client has time to come back for them, if it may */
  #letEnd(locks: readonly OwnLock[], isKept: boolean): void {
    const held = locks.filter((lock) => this.#held.remove(lock));
    const { lingerMs, onOutcome } = this.#context;
    if (held.length === 0) return;
    const inMs = isKept && this.#mayComeBack === true ? lingerMs : 0;
    this.#held.end(held, inMs).then(
      () => {
        held.forEach(() => {
          onOutcome(inMs > 0 ? 'left' : 'freed');
        });
      },
      () => undefined,
    );
  }

  #denied(denial: LockDenial): LockDenial {
    this.#context.onOutcome(denial === 'held' || denial === 'unconfirmed' ? denial : 'limited');
    return denial;
  }

  #unlocked(name: string, reason: UnlockReason): void {
    this.#tell({ type: 'bridge.unlocked', data: { name, reason } });
  }

  #tell(frame: LockFrame): void {
    if (!this.#hasLeft) this.#client.send(JSON.stringify(frame));
  }
}
