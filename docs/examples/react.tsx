// A dashboard and a chat with the hooks of ws-bridge-client/react. `npm run typecheck` checks this file.
import { useState } from 'react';
import { BridgeClientError, type AnyFrame } from 'ws-bridge-client';
import { useAnswer, useBridge, useLatest } from 'ws-bridge-client/react';

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
  const path = `/ws/bi/dashboards/${encodeURIComponent(id)}`;
  const { frame, state } = useLatest<RefreshFrame>({ url: GATEWAY, path, token: fetchToken });
  const figures = frame?.data;
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
  const { text, isRunning, completion, error, ask, stop } = useAnswer(client);
  const [question, setQuestion] = useState('');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        ask('message', { text: question });
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
      <button disabled={client === undefined}>Ask</button>
      <button type="button" disabled={!isRunning} onClick={stop}>
        Stop
      </button>
      <small>{state}</small>
      <p aria-live="polite">{text}</p>
      {completion?.sql !== undefined && <pre>{completion.sql}</pre>}
      {error !== undefined && <p role="alert">{explain(error)}</p>}
    </form>
  );
}

/** It can be asked for again. */
function explain(error: unknown): string {
  if (error instanceof BridgeClientError && error.code === 'GAP') return 'Some of the answer is lost.';
  return error instanceof Error ? error.message : String(error);
}
