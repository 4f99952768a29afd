import {
  ConnectError,
  type AnyFrame,
  type BridgeClient,
  type ClientOptions,
  type WebSocketConstructor,
} from 'ws-bridge-client';
import { CLOSE_CODES, type CloseCode } from '../../protocol/close-codes';
import { fetchToken, order } from './demo-api';
import { find } from './elements';
import type { EventLog } from './event-log';
import { observed, type Greeting } from './observed-socket';
import type { Visitor } from './visitor';

/** How much of a message is shown that is not understood, in characters. */
const EXCERPT_LENGTH = 60;

/** One of the page's four: a connection, what became of it, and the buttons that hurt it. */
export class Pane<Frame extends AnyFrame, Client extends BridgeClient<Frame> = BridgeClient<Frame>> {
  readonly client: Client;
  readonly section: HTMLElement;
  readonly #log: EventLog;
  readonly #name: string;
  /** By which the development server knows this connection. */
  readonly #line = crypto.randomUUID();
  readonly #onReady: (() => void)[] = [];
  readonly #counts = { frames: 0, resumed: 0, gaps: 0 };
  #token = '';
  /** When the connection was lost, by the page's monotonic clock; undefined while there is one. */
  #lostAt: number | undefined;

  constructor(
    section: HTMLElement,
    path: string,
    { tenant, user }: Visitor,
    log: EventLog,
    sockets: WebSocketConstructor,
    connect: (options: ClientOptions) => Client,
  ) {
    this.section = section;
    this.#log = log;
    this.#name = find(section, 'h2', HTMLElement).textContent;
    const controls = find(document, '#controls', HTMLTemplateElement).content.cloneNode(true);
    section.append(controls);
    this.#bindButtons();
    this.client = connect({
      url: location.origin.replace(/^http/, 'ws'),
      path: `${path}?line=${this.#line}`,
      token: async () => (this.#token = await fetchToken(tenant, user)),
      WebSocket: observed(sockets, {
        ready: (greeting, isWebSocket) => {
          this.#output('way').textContent = isWebSocket ? 'WebSocket' : 'HTTP';
          this.#ready(greeting);
        },
        closed: (code) => {
          this.#closed(code);
        },
      }),
    });
    this.#follow();
  }

  /** Listens for each connection that takes over, the first included. */
  onReady(listener: () => void): void {
    this.#onReady.push(listener);
  }

  /** Listens for messages that `read` understands. One that it does not is shown as what it is. */
  onFrame(read: (value: unknown) => Frame | undefined, show: (frame: Frame) => void): void {
    this.onMessage((message) => {
      const frame = typeof message === 'string' ? read(JSON.parse(message)) : undefined;
      if (frame === undefined) throw new TypeError('a frame that this page does not know');
      show(frame);
    });
  }

  /** Listens for messages. One at which the listener throws is shown with what it threw. */
  onMessage(take: (message: string | ArrayBuffer) => void): void {
    this.client.on('message', (message) => {
      try {
        take(message);
      } catch (cause) {
        this.tell(`bad frame: ${excerpt(message)} (${messageOf(cause)})`, 'bad');
      }
    });
  }

  /** Says in the pane itself what just happened, so that it is seen however short it was, and in the log. */
  tell(text: string, tone: 'good' | 'bad'): void {
    this.#log.add(this.#name, text);
    this.#output('event').textContent = text;
    const { classList, dataset } = this.section;
    dataset['tone'] = tone;
    classList.remove('flash');
    // The animation begins again only after the element was laid out without it.
    this.section.getBoundingClientRect();
    classList.add('flash');
  }

  #follow(): void {
    const { client } = this;
    this.#showState();
    client.on('state', () => {
      this.#showState();
    });
    client.on('message', () => {
      this.#count('frames');
    });
    client.on('gap', ({ reason }) => {
      this.#count('gaps');
      this.tell(`gap: frames may have been lost (${reason})`, 'bad');
    });
    client.on('refused', ({ code, message }) => {
      this.tell(`refused: ${code} ${message}`, 'bad');
    });
    client.on('error', (cause) => {
      this.tell(messageOf(cause) + waitOf(cause), 'bad');
    });
    client.on('close', ({ code, reason }) => {
      this.tell(`closed for good: ${code} ${reason}`, 'bad');
    });
  }

  #ready({ resumed, past }: Greeting): void {
    const away = this.#lostAt === undefined ? '' : ` after ${seconds(performance.now() - this.#lostAt)} s`;
    this.#lostAt = undefined;
    if (past) this.tell(`connected${away}: ${past} frames from before this page came`, 'good');
    else if (past === 0 || !resumed) this.tell(`connected${away}`, 'good');
    else {
      this.#count('resumed');
      this.tell(`back${away}: resumed where it left off, nothing missed`, 'good');
    }
    for (const listener of this.#onReady) listener();
  }

  #closed(code: number): void {
    const name = closeCodeName(code);
    const text = `${code}${name === '' ? '' : ` ${name}`}`;
    this.#output('close').textContent = text;
    this.#lostAt ??= performance.now();
    this.tell(`connection lost: ${text}`, 'bad');
  }

  #showState(): void {
    const output = this.#output('state');
    output.textContent = this.client.state;
    this.section.dataset['state'] = this.client.state;
  }

  #count(what: 'frames' | 'resumed' | 'gaps'): void {
    this.#counts[what] += 1;
    const output = this.#output(what);
    output.textContent = String(this.#counts[what]);
    output.dataset['any'] = 'true';
  }

  #output(name: string): HTMLElement {
    return find(this.section, `[data-output=${name}]`, HTMLElement);
  }

  #bindButtons(): void {
    const bind = (name: string, press: () => Promise<void>): void => {
      find(this.section, `[data-button=${name}]`, HTMLButtonElement).addEventListener('click', () => {
        press().catch((cause: unknown) => {
          this.tell(messageOf(cause), 'bad');
        });
      });
    };
    bind('drop', () => order('drop', { line: this.#line }));
    bind('expire', () => order('expire', { token: this.#token }));
  }
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1);
}

/** How long a refusal asks to wait. */
function waitOf(cause: unknown): string {
  const retryAfterMs = cause instanceof ConnectError ? cause.retryAfterMs : undefined;
  return retryAfterMs === undefined ? '' : ` (Retry-After: ${seconds(retryAfterMs)} s)`;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function excerpt(message: string | ArrayBuffer): string {
  if (typeof message !== 'string') return `${message.byteLength} bytes`;
  return message.length <= EXCERPT_LENGTH ? message : `${message.slice(0, EXCERPT_LENGTH)}…`;
}

/** RFC 6455 §7.4.1's names of those that no bridge sends. */
const OTHER_CODES: ReadonlyMap<number, string> = new Map([
  [1000, 'Normal Closure'],
  [1005, 'No Status'],
  [1006, 'Abnormal Closure'],
]);

function closeCodeName(code: number): string {
  const row = Object.values<CloseCode>(CLOSE_CODES).find((entry) => entry.code === code);
  return row?.name ?? OTHER_CODES.get(code) ?? '';
}
