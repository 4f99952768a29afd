import { make } from './elements';

/** How many lines are kept. */
const MAX_LINES = 60;

/** The events of the connections, newest first. */
export class EventLog {
  readonly #list: HTMLElement;

  constructor(list: HTMLElement) {
    this.#list = list;
  }

  add(pane: string, text: string): void {
    const time = new Date().toLocaleTimeString(undefined, { hour12: false });
    this.#list.prepend(
      make('li', '', make('time', '', time), make('span', 'log-pane', pane), make('span', '', text)),
    );
    while (this.#list.childElementCount > MAX_LINES) this.#list.lastElementChild?.remove();
  }
}
