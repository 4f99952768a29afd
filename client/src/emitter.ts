/** Typed events with any number of listeners. The value of each is the listener's arguments. */
export class Emitter<Events extends { readonly [Name in keyof Events]: readonly unknown[] }> {
  readonly #listeners = new Map<keyof Events, Set<(...values: never) => void>>();

  /** @returns a function that takes the listener away again */
  on<Name extends keyof Events>(name: Name, listener: (...values: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** An error that a listener throws is reported as uncaught and keeps nothing from the others. */
  emit<Name extends keyof Events>(name: Name, ...values: Events[Name]): void {
    this.#listeners.get(name)?.forEach((listener) => {
      try {
        (listener as (...values: Events[Name]) => void)(...values);
      } catch (cause) {
        queueMicrotask(() => {
          throw cause as Error;
        });
      }
    });
  }

  /** Takes every listener away. */
  clear(): void {
    this.#listeners.clear();
  }
}
