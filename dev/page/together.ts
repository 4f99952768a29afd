import type { WebSocketConstructor } from 'ws-bridge-client';
import { Locks, type ListedLocks, type Lock } from 'ws-bridge-client/locks';
import { tellPeers } from 'ws-bridge-client/peers';
import { find } from './elements';

/** The name that is locked: the whole text. A spreadsheet would lock a cell. */
const PEN = 'pen';

/** Shows who else is at the document, and lets one of them have the pen: the others see who writes, and wait. */
export class Together {
  /** For the document's client. */
  readonly WebSocket: WebSocketConstructor;
  readonly #locks: Locks;
  readonly #here: HTMLElement;
  readonly #button: HTMLButtonElement;
  readonly #text: HTMLTextAreaElement;
  #users: readonly string[] = [];
  #writer: string | undefined;
  #lock: Lock | undefined;

  constructor(section: HTMLElement, sockets: WebSocketConstructor) {
    this.#here = find(section, '[data-output=here]', HTMLElement);
    this.#button = find(section, '[data-button=pen]', HTMLButtonElement);
    this.#text = find(section, 'textarea', HTMLTextAreaElement);
    const peers = tellPeers(({ users }) => {
      this.#users = users;
      this.#show();
    }, sockets);
    this.#locks = new Locks({
      WebSocket: peers,
      told: (locks) => {
        this.#told(locks);
      },
    });
    this.WebSocket = this.#locks.WebSocket;
    this.#button.addEventListener('click', () => {
      if (this.#lock) this.#giveBack(this.#lock);
      else void this.#take();
    });
  }

  async #take(): Promise<void> {
    try {
      const lock = (this.#lock = await this.#locks.lock(PEN));
      lock.lost.addEventListener('abort', () => {
        this.#forget(lock);
      });
    } catch {
      // The pane tells of what is refused.
    }
    this.#show();
  }

  #giveBack(lock: Lock): void {
    lock.unlock();
    this.#forget(lock);
  }

  #forget(lock: Lock): void {
    if (this.#lock === lock) this.#lock = undefined;
    this.#show();
  }

  #told(locks: ListedLocks): void {
    this.#writer = locks.find(({ name }) => name === PEN)?.user;
    this.#show();
  }

  #show(): void {
    const isElsewhere = this.#writer !== undefined && !this.#lock;
    const writes = this.#lock ? 'you have the pen' : isElsewhere ? `${this.#writer ?? ''} has the pen` : '';
    this.#here.textContent = [`Here: ${this.#users.join(', ')}`, writes]
      .filter((text) => text !== '')
      .join(' · ');
    this.#button.textContent = this.#lock ? 'Give the pen back' : 'Take the pen';
    this.#button.disabled = isElsewhere;
    this.#text.readOnly = isElsewhere;
  }
}
