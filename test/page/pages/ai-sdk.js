/* global document, location, structuredClone, URLSearchParams */
// The page of ai-sdk-page.test.ts: a chat of the AI SDK over the transport of ws-bridge-client, and what it shows. The query says where the
// gateway is. The answer that is on its way when the page is loaded is resumed.
import { AbstractChat } from 'ai';
import { BridgeChatTransport } from 'ws-bridge-client/ai-sdk';
import { connectChat } from 'ws-bridge-client/chat';
import { httpFallback } from 'ws-bridge-client/http';

const { url, token, session, over } = Object.fromEntries(new URLSearchParams(location.search));
if (over === 'http') delete globalThis.WebSocket;

document.body.innerHTML =
  '<input><button>Ask</button><button>Stop</button><output id="status"></output><output id="parts"></output>';
const show = (id, text) => {
  document.getElementById(id).textContent = text;
};

/** The state that a framework keeps for a chat, such as React's. */
class ShownState {
  error;
  #status = 'ready';
  #messages = [];

  constructor() {
    show('status', this.#status);
  }

  get status() {
    return this.#status;
  }

  set status(status) {
    this.#status = status;
    show('status', status);
  }

  get messages() {
    return this.#messages;
  }

  set messages(messages) {
    this.#messages = messages;
    show('parts', JSON.stringify(messages.at(-1)?.parts ?? []));
  }

  pushMessage(message) {
    this.messages = [...this.messages, structuredClone(message)];
  }

  popMessage() {
    this.messages = this.messages.slice(0, -1);
  }

  replaceMessage(index, message) {
    this.messages = this.messages.with(index, structuredClone(message));
  }

  snapshot(thing) {
    return structuredClone(thing);
  }
}

class Chat extends AbstractChat {}

const client = connectChat({
  url,
  path: '/ws/ai/chat',
  session,
  resume: 'oldest',
  token: () => token,
  WebSocket: httpFallback(),
});
const chat = new Chat({ id: session, transport: new BridgeChatTransport(client), state: new ShownState() });
const [ask, stop] = document.querySelectorAll('button');
ask.onclick = () => chat.sendMessage({ text: document.querySelector('input').value });
stop.onclick = () => chat.stop();
chat.resumeStream();
