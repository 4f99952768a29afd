import { CONTROL_FRAME_PREFIX, type ControlFrame } from '../../protocol/frames';

/** A page at a document. Names of two tenants' documents have nothing to do with each other. */
export interface LockPage {
  readonly tenant: string;
  readonly page: string;
}

/** A lock as the socket saw it that holds it. */
interface Grant extends LockPage {
  readonly name: string;
  readonly token: number;
  readonly askedMs: number;
  readonly grantedMs: number;
  /** From then on its page knew that it may be somebody else's. A page knows nothing later than what its socket heard last. */
  readonly endMs: () => number;
}

/** The fate of the locks of many pages. */
export interface LockScore {
  readonly granted: number;
  /** Pairs of pages that both took a name for theirs. */
  readonly overlaps: number;
  readonly longestOverlapMs: number;
  /** Tokens that were not larger than one that was told before they were asked for. */
  readonly staleTokens: number;
}

/** An account of the locks that pages were told of, all by one clock. */
export class LockAccount {
  readonly #nowMs: () => number;
  readonly #grants: Grant[] = [];

  /** @param nowMs of a clock that nobody sets */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A socket that a page opens. @param onGranted told of each lock that it got */
  socket(page: LockPage, onGranted: (name: string) => void = () => undefined): LockSocket {
    return new LockSocket(this.#nowMs, (grant) => {
      this.#grants.push({ ...page, ...grant });
      onGranted(grant.name);
    });
  }

  score(): LockScore {
    const overlaps = groupsBy(this.#grants, ({ tenant, name }) => `${tenant} ${name}`).flatMap(overlapsOf);
    return {
      granted: this.#grants.length,
      overlaps: overlaps.length,
      longestOverlapMs: Math.round(Math.max(0, ...overlaps)),
      staleTokens: groupsBy(this.#grants, ({ tenant }) => tenant).reduce((sum, own) => sum + staleOf(own), 0),
    };
  }
}

/** The refusals that no unlock gets. */
const OF_LOCKS: ReadonlySet<string> = new Set(['LOCKED', 'TOO_MANY_LOCKS']);

/** The account of one socket: the frames about locks that go over it. */
export class LockSocket {
  readonly #nowMs: () => number;
  readonly #onGranted: (grant: Omit<Grant, 'tenant' | 'page'>) => void;
  readonly #askedMs = new Map<string, number>();
  /** With when each was over, once it is. */
  readonly #held = new Map<string, { readonly token: number; overMs?: number }>();
  /** How many unlocks of a name are not answered yet. */
  readonly #unlocking = new Map<string, number>();
  #heardMs = 0;

  constructor(nowMs: () => number, onGranted: (grant: Omit<Grant, 'tenant' | 'page'>) => void) {
    this.#nowMs = nowMs;
    this.#onGranted = onGranted;
  }

  sent(text: string): void {
    if (!text.startsWith(CONTROL_FRAME_PREFIX)) return;
    const { type, data } = JSON.parse(text) as { readonly type: string; readonly data: { name: string } };
    if (type === 'bridge.lock') this.#askedMs.set(data.name, this.#nowMs());
    if (type !== 'bridge.unlock') return;
    this.#unlocking.set(data.name, (this.#unlocking.get(data.name) ?? 0) + 1);
    this.#over(data.name, this.#nowMs());
  }

  heard(text: string): void {
    this.#heardMs = this.#nowMs();
    if (!text.startsWith(CONTROL_FRAME_PREFIX)) return;
    const { type, data } = JSON.parse(text) as ControlFrame;
    if (type === 'bridge.locked') this.#granted(data.name, data.token);
    else if (type === 'bridge.unlocked') {
      if (data.reason === 'freed') this.#unlockAnswered(data.name);
      this.#over(data.name, this.#heardMs);
    } else if (type === 'bridge.error' && data.name !== undefined && !OF_LOCKS.has(data.code))
      this.#unlockAnswered(data.name);
  }

  #unlockAnswered(name: string): void {
    this.#unlocking.set(name, Math.max(0, (this.#unlocking.get(name) ?? 0) - 1));
  }

  #granted(name: string, token: number): void {
    // Its page has given it back before it heard of it.
    if ((this.#unlocking.get(name) ?? 0) > 0) return;
    if (this.#held.get(name)?.token === token) return;
    const askedMs = this.#askedMs.get(name) ?? this.#heardMs;
    const grantedMs = this.#heardMs;
    const held: { readonly token: number; overMs?: number } = { token };
    this.#held.set(name, held);
    this.#onGranted({ name, token, askedMs, grantedMs, endMs: () => held.overMs ?? this.#heardMs });
  }

  #over(name: string, atMs: number): void {
    const held = this.#held.get(name);
    if (held !== undefined) held.overMs = atMs;
    this.#held.delete(name);
  }
}

/** For how long a page held on to a name that another had been told was its own, in milliseconds, of each pair that did. */
function overlapsOf(grants: readonly Grant[]): number[] {
  const inOrder = [...grants].sort((one, other) => one.grantedMs - other.grantedMs);
  return inOrder.flatMap((grant, index) => {
    const later = inOrder.slice(index + 1);
    const firstAfter = later.findIndex(({ grantedMs }) => grantedMs >= grant.endMs());
    return later
      .slice(0, firstAfter === -1 ? undefined : firstAfter)
      .filter(({ page }) => page !== grant.page)
      .map(({ grantedMs }) => grant.endMs() - grantedMs);
  });
}

/** How many tokens are not larger than every one that was told before they were asked for, but for a page that is told its own again. */
function staleOf(grants: readonly Grant[]): number {
  const told = [...grants].sort((one, other) => one.grantedMs - other.grantedMs);
  let next = 0;
  let largest: Grant | undefined;
  let stale = 0;
  for (const grant of [...grants].sort((one, other) => one.askedMs - other.askedMs)) {
    for (let before = told[next]; before && before.grantedMs < grant.askedMs; before = told[++next])
      if (largest === undefined || before.token > largest.token) largest = before;
    const isSame =
      grant.token === largest?.token && grant.page === largest.page && grant.name === largest.name;
    if (largest !== undefined && grant.token <= largest.token && !isSame) stale += 1;
  }
  return stale;
}

function groupsBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
