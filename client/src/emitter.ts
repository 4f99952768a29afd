/** Typed events with any number of listeners. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /** @returns a function that takes the listener away again */
  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** What a listener throws is reported as uncaught and keeps nothing from the others. */
  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    this.#listeners.get(name)?.forEach((listener) => {
      try {
        (listener as (value: Events[Name]) => void)(value);
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
