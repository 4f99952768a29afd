/** The page's or process's knowledge of its network and its visibility. */
export interface Surroundings {
  readonly online: boolean;
  readonly visible: boolean;
  /** Listens until the signal is aborted. */
  listen(listener: (change: 'online' | 'offline' | 'visible') => void, signal: AbortSignal): void;
}

type Listen = (type: string, listener: () => void, options: { readonly signal: AbortSignal }) => void;

/** The globals that are looked at; Node has none of them. */
export interface Globals {
  readonly navigator?: { readonly onLine?: boolean };
  readonly document?: { readonly visibilityState: string; readonly addEventListener: Listen };
  readonly addEventListener?: Listen;
}

/** Surroundings by `navigator.onLine`, `online`, `offline` and `visibilitychange`; without them online and visible. */
export function surroundingsOf(globals: Globals): Surroundings {
  const { document } = globals;
  return {
    get online() {
      return globals.navigator?.onLine !== false;
    },
    get visible() {
      return document?.visibilityState !== 'hidden';
    },
    listen(listener, signal) {
      for (const change of ['online', 'offline'] as const) {
        const tell = (): void => {
          listener(change);
        };
        globals.addEventListener?.(change, tell, { signal });
      }
      const look = (): void => {
        if (this.visible) listener('visible');
      };
      document?.addEventListener('visibilitychange', look, { signal });
    },
  };
}
