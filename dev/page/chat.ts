import type { AnyFrame } from 'ws-bridge-client';
import { find } from './elements';
import type { Pane } from './pane';
import { Turn } from './turn';

/** Asks questions and shows each answer as its tokens arrive, also several at once. */
export function showChat<Frame extends AnyFrame>({ section, client }: Pane<Frame>): void {
  const turns = find(section, '.turns', HTMLElement);
  const question = find(section, 'form input', HTMLInputElement);
  const scroll = (): void => {
    turns.scrollTop = turns.scrollHeight;
  };
  find(section, 'form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const text = question.value.trim();
    if (text === '') return;
    const stop = new AbortController();
    const turn = new Turn(text, () => {
      stop.abort();
    });
    turns.append(turn.element);
    scroll();
    void turn.show(client.ask('message', { text }, { signal: stop.signal }), scroll);
  });
}
