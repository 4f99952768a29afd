import { attempt } from './attempt.ts';
import { claimsOf } from './claims.ts';
import type { ResumePoint } from './resume-cursor.ts';

/** As much of the browser's `Storage` as is used. */
export interface PointStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

// <epoch>.<offset>, and the session where there is one.
const STORED = /^([\w-]{1,128})\.(\d{1,15})(?: ([\w-]{1,128}))?$/;

/**
 * The resume point of one route in a storage that may be full, forbidden or broken. A user finds only what was kept for the
 * same user: the sessions of others are refused.
 */
export class StoredPoint {
  readonly #storage: PointStorage | undefined;
  readonly #route: string;
  #key = '';

  /** @param session that was asked for; undefined where it is to be found here */
  constructor(storage: PointStorage | undefined, { host, pathname, searchParams }: URL, session?: string) {
    this.#storage = storage;
    this.#route = `${host}${pathname} ${session ?? searchParams.get('session') ?? ''}`;
  }

  /**
   * The point that was kept for the user of a token, under whose key the next ones are kept.
   * @returns undefined when there is none, or it cannot be had
   */
  of(token: string): (ResumePoint & { readonly session: string | undefined }) | undefined {
    const { tenant_id, sub } = claimsOf(token);
    this.#key = ['ws-bridge', tenant_id, sub, this.#route].join(' ');
    const text = attempt(() => this.#storage?.getItem(this.#key));
    const [, epoch, offset, session] = STORED.exec(String(text)) ?? [];
    return epoch ? { epoch, offset: Number(offset), session } : undefined;
  }

  /** Keeps a point. When that fails, the one before it stays: its frames come twice rather than not at all. */
  write(point: string, session?: string): void {
    const text = session ? `${point} ${session}` : point;
    attempt(() => this.#storage?.setItem(this.#key, text));
  }
}
