import { connect, type AnyFrame, type BridgeClient } from 'ws-bridge-client';
import { CLOSE_CODES, type CloseCode } from '../../protocol/close-codes';
import { fetchToken, order } from './demo-api';
import { find } from './elements';
import type { EventLog } from './event-log';
import { observedWebSocket } from './observed-socket';
import type { Visitor } from './visitor';

/** One of the page's four: a connection, what became of it, and the buttons that hurt it. */
export class Pane<Frame extends AnyFrame> {
  readonly client: BridgeClient<Frame>;
  readonly section: HTMLElement;
  readonly #log: EventLog;
  readonly #name: string;
  /** By which the development server knows this connection. */
  readonly #line = crypto.randomUUID();
  readonly #onReady: (() => void)[] = [];
  readonly #counts = { frames: 0, resumed: 0, gaps: 0 };
  #token = '';

  constructor(section: HTMLElement, path: string, { tenant, user }: Visitor, log: EventLog) {
    this.section = section;
    this.#log = log;
    this.#name = find(section, 'h2', HTMLElement).textContent;
    const controls = find(document, '#controls', HTMLTemplateElement).content.cloneNode(true);
    section.append(controls);
    this.#bindButtons();
    this.client = connect<Frame>({
      url: location.origin.replace(/^http/, 'ws'),
      path: `${path}?line=${this.#line}`,
      token: async () => (this.#token = await fetchToken(tenant, user)),
      WebSocket: observedWebSocket({
        ready: (resumed) => {
          this.#ready(resumed);
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
      this.#log.add(this.#name, `gap: frames may have been lost (${reason})`);
    });
    client.on('refused', ({ code, message }) => {
      this.#log.add(this.#name, `refused: ${code} ${message}`);
    });
    client.on('error', (cause) => {
      this.#log.add(this.#name, cause instanceof Error ? cause.message : String(cause));
    });
  }

  #ready(resumed: boolean): void {
    if (resumed) this.#count('resumed');
    this.#log.add(this.#name, resumed ? 'connected, resumed where it left off' : 'connected');
    for (const listener of this.#onReady) listener();
  }

  #closed(code: number): void {
    const name = closeCodeName(code);
    const text = `${code}${name === '' ? '' : ` ${name}`}`;
    this.#output('close').textContent = text;
    this.#log.add(this.#name, `closed: ${text}`);
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
          this.#log.add(this.#name, cause instanceof Error ? cause.message : String(cause));
        });
      });
    };
    bind('drop', () => order('drop', { line: this.#line }));
    bind('expire', () => order('expire', { token: this.#token }));
  }
}

/** What RFC 6455 §7.4.1 calls those that no bridge sends. */
const OTHER_CODES: ReadonlyMap<number, string> = new Map([
  [1000, 'Normal Closure'],
  [1005, 'No Status'],
  [1006, 'Abnormal Closure'],
]);

function closeCodeName(code: number): string {
  const row = Object.values<CloseCode>(CLOSE_CODES).find((entry) => entry.code === code);
  return row?.name ?? OTHER_CODES.get(code) ?? '';
}
