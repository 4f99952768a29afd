// A React hook for ws-bridge-client, and a dashboard and a chat that use it. `npm run typecheck` checks this file.
import { useEffect, useRef, useState } from 'react';
import {
  connect,
  type AnyFrame,
  type BridgeClient,
  type ClientOptions,
  type CompleteFrame,
  type ConnectionState,
  type DataFrame,
  type GapFrame,
} from 'ws-bridge-client';

/** A component is told by these. The listeners may change from render to render; the connection stays. */
export interface BridgeListeners<Frame> {
  readonly onFrame?: (frame: Frame) => void;
  /** Frames were lost or may have been: ask for the current state. */
  readonly onGap?: (gap: GapFrame['data']) => void;
}

/**
 * Connects while the component is mounted, and anew when `url`, `path` or `token` change. Keep `token` the same between
 * renders: a function outside the component, or `useCallback`.
 */
export function useBridge<Frame extends AnyFrame = DataFrame>(
  { url, path, token }: Pick<ClientOptions, 'url' | 'token'> & { readonly path: string },
  listeners: BridgeListeners<Frame> = {},
): { readonly client: BridgeClient<Frame> | undefined; readonly state: ConnectionState } {
  const [client, setClient] = useState<BridgeClient<Frame>>();
  const [state, setState] = useState<ConnectionState>('connecting');
  const latest = useRef(listeners);
  const address = String(url);

  useEffect(() => {
    latest.current = listeners;
  });

  useEffect(() => {
    const opened = connect<Frame>({ url: address, path, token });
    setClient(opened);
    setState(opened.state);
    opened.on('state', setState);
    opened.on('frame', (frame) => latest.current.onFrame?.(frame));
    opened.on('gap', (gap) => latest.current.onGap?.(gap));
    return () => {
      opened.close();
    };
  }, [address, path, token]);

  return { client, state };
}

const GATEWAY = 'wss://gateway.example';

async function fetchToken(): Promise<string> {
  const response = await fetch('/api/token');
  if (!response.ok) throw new Error(`no token: ${response.status}`);
  return response.text();
}

/** publish.py publishes this for a dashboard. */
interface RefreshFrame extends AnyFrame {
  readonly type: 'refresh';
  readonly data: {
    readonly ordersPerMinute: readonly number[];
    readonly revenueByRegion: readonly { readonly region: string; readonly revenue: number }[];
  };
}

/** A dashboard: the last refresh is what counts. */
export function Dashboard({ id }: { readonly id: string }) {
  const [figures, setFigures] = useState<RefreshFrame['data']>();
  const path = `/ws/bi/dashboards/${encodeURIComponent(id)}`;
  const { state } = useBridge<RefreshFrame>(
    { url: GATEWAY, path, token: fetchToken },
    {
      onFrame: ({ data }) => {
        setFigures(data);
      },
    },
  );
  return (
    <section aria-busy={state !== 'open'}>
      <p>
        Orders a minute: {figures?.ordersPerMinute.at(-1) ?? '–'} <small>{state}</small>
      </p>
      <ul>
        {figures?.revenueByRegion.map(({ region, revenue }) => (
          <li key={region}>
            {region}: {revenue}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** A chat: an answer as its tokens arrive, then its SQL. */
export function Chat() {
  const { client, state } = useBridge({ url: GATEWAY, path: '/ws/ai/chat', token: fetchToken });
  const [question, setQuestion] = useState('');
  const [answer, setAnswer] = useState('');
  const [completion, setCompletion] = useState<CompleteFrame['data']>();
  const [failure, setFailure] = useState<string>();

  async function ask(text: string): Promise<void> {
    if (client === undefined) return;
    setAnswer('');
    setCompletion(undefined);
    setFailure(undefined);
    try {
      const tokens = client.ask('message', { text });
      for (;;) {
        const next = await tokens.next();
        if (next.done === true) {
          setCompletion(next.value);
          return;
        }
        setAnswer((before) => before + next.value);
      }
    } catch (cause) {
      // A BridgeClientError. GAP: some of the answer is lost; TIMEOUT: nothing more came. It can be asked for again.
      setFailure(cause instanceof Error ? cause.message : String(cause));
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void ask(question);
      }}
    >
      <input
        aria-label="Question"
        required
        value={question}
        onChange={(event) => {
          setQuestion(event.target.value);
        }}
      />
      <button disabled={client === undefined}>Ask</button> <small>{state}</small>
      <p aria-live="polite">{answer}</p>
      {completion?.sql !== undefined && <pre>{completion.sql}</pre>}
      {failure !== undefined && <p role="alert">{failure}</p>}
    </form>
  );
}
