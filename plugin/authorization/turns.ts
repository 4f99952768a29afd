/** Its turn did not come in time. */
export class NoTurnError extends Error {
  override readonly name = 'NoTurnError';
}

interface Owner {
  active: number;
  /** In their order. */
  readonly waiting: Set<() => void>;
}

/** Turns of owners: each has so many at once, and further ones of it wait for those, and for nobody else's. */
export class Turns {
  readonly #most: number;
  readonly #owners = new Map<string, Owner>();

  /** @param most turns that an owner has at once */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Does some work in a turn of the owner.
   * @throws NoTurnError when it does not come within `timeoutMs` milliseconds; the work is not done then
   */
  async take<T>(name: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
    const owner = this.#owners.get(name) ?? { active: 0, waiting: new Set() };
    this.#owners.set(name, owner);
    if (owner.active < this.#most) owner.active += 1;
    else await turnOf(owner, timeoutMs);
    try {
      return await work();
    } finally {
      this.#giveBack(name, owner);
    }
  }

  #giveBack(name: string, owner: Owner): void {
    const [next] = owner.waiting;
    if (next !== undefined) {
      owner.waiting.delete(next);
      next();
      return;
    }
    owner.active -= 1;
    if (owner.active === 0) this.#owners.delete(name);
  }
}

/** Resolves when another one gives its turn over. */
function turnOf({ waiting }: Owner, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const begin = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      waiting.delete(begin);
      reject(
        new NoTurnError(`as many of the tenant's questions as may be were under way for ${timeoutMs} ms`),
      );
    }, timeoutMs);
    waiting.add(begin);
  });
}
