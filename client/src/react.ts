import { useCallback, useEffect, useInsertionEffect, useRef, useState } from 'react';
import { connectChat, type ChatClient, type ChatOptions, type Completion, type Tokens } from './chat.ts';
import {
  connect,
  type AnyFrame,
  type BridgeClient,
  type ClientOptions,
  type ConnectionState,
  type DataFrame,
  type FrameInfo,
  type GapFrame,
} from './index.ts';

/** A component is told by these. They may change from render to render; the connection stays. */
export interface BridgeListeners<Frame> {
  readonly onFrame?: ((frame: Frame, info: FrameInfo) => void) | undefined;
  /** Frames were lost or may have been: ask for the current state. */
  readonly onGap?: ((gap: GapFrame['data']) => void) | undefined;
}

/** A component's connection, by a client of its kind. */
export interface Bridge<Client = ChatClient> {
  /** Undefined until the component is mounted. */
  readonly client: Client | undefined;
  readonly state: ConnectionState;
}

/**
 * Connects while the component is mounted, and anew when `url`, `path`, `session`, `resume` or `token` change. Keep `token` the
 * same between renders: a function outside the component, or `useCallback`. Other options are those of the first render.
 * @example
 * const { client, state } = useBridge({ url, path: '/ws/ai/chat', token: fetchToken });
 */
export function useBridge<Frame extends AnyFrame = DataFrame>(
  options: ChatOptions,
  listeners: BridgeListeners<Frame> = {},
): Bridge<ChatClient<Frame>> {
  const latest = useRef(listeners);
  // Other effects run a while after the render is shown, and a frame may come meanwhile.
  useInsertionEffect(() => {
    latest.current = listeners;
  });
  return useClient(connectChat<Frame>, options, (client) => {
    client.on('frame', (frame, info) => latest.current.onFrame?.(frame, info));
    client.on('gap', (gap) => latest.current.onGap?.(gap));
  });
}

/**
 * The newest frame of a route whose frames say all, as a dashboard's do; undefined before there is one. It connects as
 * {@link useBridge} does.
 * @example
 * const { frame, state } = useLatest<RefreshFrame>({ url, path: `/ws/bi/dashboards/${id}`, token: fetchToken });
 */
export function useLatest<Frame extends AnyFrame = DataFrame>(
  options: ClientOptions,
): Bridge<BridgeClient<Frame>> & { readonly frame: Frame | undefined } {
  const [latest, setLatest] = useState<{ readonly of: BridgeClient<Frame>; readonly frame: Frame }>();
  const bridge = useClient(connect<Frame>, options, (client) => {
    client.on('frame', (frame) => {
      setLatest({ of: client, frame });
    });
  });
  // That of another connection is of another route.
  return { ...bridge, frame: latest?.of === bridge.client ? latest?.frame : undefined };
}

/** An answer as far as it has come. */
export interface AnswerSoFar {
  /** Its tokens. */
  readonly text: string;
  /** Whether more of it is expected. */
  readonly isRunning: boolean;
  /** Its end, once that has come. */
  readonly completion: Completion | undefined;
  /** Why it has none: a BridgeClientError. `GAP`: some of it is lost. `TIMEOUT`: nothing more came. It can be asked for again. */
  readonly error: unknown;
}

/** An answer, and how to get another one. */
export interface Answer extends AnswerSoFar {
  /** Asks, in place of the last question. One that is on its way is stopped. Nothing happens without a client. */
  readonly ask: (type: string, data?: unknown) => void;
  /** Stops the answer, and keeps its text. The service is told. */
  readonly stop: () => void;
}

const NOTHING: AnswerSoFar = { text: '', isRunning: false, completion: undefined, error: undefined };

/**
 * The answer to the last question that a component asked. It is stopped when the component is unmounted, and the service is told.
 * @example
 * const { client } = useBridge({ url, path: '/ws/ai/chat', token: fetchToken });
 * const { text, isRunning, ask, stop } = useAnswer(client);
 */
export function useAnswer(client: ChatClient | undefined): Answer {
  const [answer, setAnswer] = useState(NOTHING);
  const running = useRef<AbortController>(undefined);
  const stop = useCallback(() => {
    running.current?.abort();
  }, []);
  useEffect(() => stop, [client, stop]);
  const ask = useCallback(
    (type: string, data?: unknown) => {
      stop();
      if (!client) return;
      const { signal } = (running.current = new AbortController());
      void follow((onRestart) => client.ask(type, data, { signal, onRestart }), signal, setAnswer);
    },
    [client, stop],
  );
  return { ...answer, ask, stop };
}

/** Tells each change of an answer, and nothing once it is stopped but that. */
async function follow(
  begin: (onRestart: () => void) => Tokens,
  signal: AbortSignal,
  set: (change: (before: AnswerSoFar) => AnswerSoFar) => void,
): Promise<void> {
  const change = (values: Partial<AnswerSoFar>): void => {
    if (!signal.aborted) set((before) => ({ ...before, ...values }));
  };
  set(() => ({ ...NOTHING, isRunning: true }));
  signal.addEventListener('abort', () => {
    set((before) => ({ ...before, isRunning: false }));
  });
  let text = '';
  const tokens = begin(() => {
    change({ text: (text = '') });
  });
  try {
    for (;;) {
      const { done, value } = await tokens.next();
      if (done === true) {
        change({ completion: value, isRunning: false });
        return;
      }
      change({ text: (text += value) });
    }
  } catch (error) {
    change({ error, isRunning: false });
  }
}

/** @param listen called with each client before anything is heard of it */
function useClient<Options extends ClientOptions, Client extends BridgeClient<AnyFrame>>(
  open: (options: Options) => Client,
  options: Options,
  listen: (client: Client) => void,
): Bridge<Client> {
  const [client, setClient] = useState<Client>();
  const [state, setState] = useState<ConnectionState>('connecting');
  const { path, session, resume, token } = options;
  const url = String(options.url);
  useEffect(() => {
    const opened = open(options);
    setClient(() => opened);
    setState(opened.state);
    const unlisten = opened.on('state', setState);
    listen(opened);
    return () => {
      unlisten();
      // Behind all else that ends with the component: the service is told over it of an answer that is stopped.
      queueMicrotask(() => {
        opened.close();
      });
    };
  }, [url, path, session, resume, token]);
  return { client, state };
}
