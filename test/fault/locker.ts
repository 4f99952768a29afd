import { WebSocket } from 'ws';
import { connect, type BridgeClient } from '../../client/src/index';
import { Locks } from '../../client/src/locks';
import type { LockAccount, LockPage } from './lock-account';
import type { ListenerTimes } from './listener';
import type { Random } from './random';
import { tokenOf } from './token';
import { wait } from './until';

/** How long it holds a name, and how long it does without, at most. */
const HOLDS_MS = 400;
const PAUSES_MS = 100;

/** A page's dependencies. */
export interface LockerOptions extends LockPage {
  readonly url: string;
  readonly path: string;
  readonly names: readonly string[];
  readonly account: LockAccount;
  readonly times: ListenerTimes;
  readonly random: Random;
}

/** A page that locks and unlocks names of a document, over and over. */
export class Locker {
  /** How many locks it got. */
  granted = 0;
  readonly #options: LockerOptions;
  readonly #locks: Locks;
  readonly #client: BridgeClient;
  #isStopped = false;

  constructor(options: LockerOptions) {
    const { tenant, page, url, path, account, random } = options;
    const { tokenLifetimeMs, renewBeforeMs, idleTimeoutMs, connectTimeoutMs = 10_000 } = options.times;
    this.#options = options;
    const opened = (): ReturnType<LockAccount['socket']> =>
      account.socket({ tenant, page }, () => {
        this.granted += 1;
      });
    this.#locks = new Locks({ WebSocket: watched(opened) });
    this.#client = connect({
      ...{ url, path, renewBeforeMs, idleTimeoutMs, connectTimeoutMs },
      token: () => tokenOf({ tenant, user: page, exp: (Date.now() + tokenLifetimeMs) / 1000 }),
      WebSocket: this.#locks.WebSocket,
      random: () => random.next(),
      ...{ backoffBaseMs: 100, backoffCapMs: 2000, stableMs: 5000 },
    });
  }

  /** Locks and unlocks until it leaves. */
  async start(): Promise<void> {
    const { names, random } = this.#options;
    while (!this.#isStopped) {
      try {
        const lock = await this.#locks.lock(random.pick(names) ?? '');
        await wait(random.next() * HOLDS_MS);
        lock.unlock();
      } catch {
        // Somebody else has it, or the bridge could not say.
      }
      await wait(random.next() * PAUSES_MS);
    }
  }

  leave(): void {
    this.#isStopped = true;
    this.#locks.close();
    this.#client.close();
  }
}

function watched(opened: () => ReturnType<LockAccount['socket']>) {
  return class WatchedSocket extends WebSocket {
    readonly #account = opened();

    constructor(url: string, protocols: string[]) {
      super(url, protocols, { perMessageDeflate: false });
      this.on('message', (data: Buffer) => {
        this.#account.heard(data.toString('utf8'));
      });
      this.on('error', () => undefined);
    }

    override send(data: string): void {
      this.#account.sent(data);
      super.send(data);
    }
  };
}
