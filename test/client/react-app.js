/* global document, location, URLSearchParams, WebSocket */
// The page of react.test.ts: components that show all that the hooks say. The query says where the bridge is.
import { createElement as h, StrictMode, useLayoutEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useAnswer, useBridge, useLatest } from 'ws-bridge-client/react';

const url = new URLSearchParams(location.search).get('bridge');
const token = () => 'token';

let socket;
class SeenSocket extends WebSocket {
  constructor(...args) {
    super(...args);
    socket = this;
  }
}

const output = (id, text) => h('output', { id }, text);
const button = (text, onClick) => h('button', { key: text, onClick }, text);

function Chat() {
  const [heard, setHeard] = useState([]);
  const hear = (what) => setHeard((before) => [...before, what]);
  const { client, state } = useBridge(
    { url, path: '/ws/ai/chat', token, WebSocket: SeenSocket },
    { onFrame: ({ type }) => hear(`${type} after ${heard.length}`), onGap: ({ reason }) => hear(reason) },
  );
  // A test may have a frame come in the moment in which something that was heard is shown.
  useLayoutEffect(() => {
    const { comesWhenShown: data } = globalThis;
    if (data === undefined || heard.length === 0) return;
    globalThis.comesWhenShown = undefined;
    socket.onmessage({ data });
  }, [heard]);
  const { text, isRunning, completion, error, ask, stop } = useAnswer(client);
  return h(
    'section',
    null,
    output('state', state),
    output('text', text),
    output('running', String(isRunning)),
    output('sql', completion?.sql),
    output('error', error?.code ?? 'none'),
    output('heard', heard.join()),
    button('Ask', () => ask('message', { text: '?' })),
    button('Stop', stop),
  );
}

function Dashboard({ id }) {
  const { frame, state } = useLatest({ url, path: `/ws/bi/dashboards/${id}`, token });
  return output('latest', `${id} ${state} ${frame?.data.index ?? 'none'}`);
}

function App() {
  const [shown, show] = useState('chat');
  const views = { chat: () => h(Chat), nothing: () => null };
  return h(
    'main',
    null,
    (views[shown] ?? (() => h(Dashboard, { id: shown })))(),
    ['chat', 'sales', 'costs', 'nothing'].map((name) => button(`Show ${name}`, () => show(name))),
  );
}

createRoot(document.body).render(h(StrictMode, null, h(App)));
