import type { AnyFrame } from 'ws-bridge-client';
import { find } from './elements';
import type { Pane } from './pane';
import { Turn } from './turn';

/** Asks questions and shows each answer as its tokens arrive, also several at once. */
export function showChat<Frame extends AnyFrame>({ section, client }: Pane<Frame>): void {
  const turns = find(section, '.turns', HTMLElement);
  const question = find(section, 'form input', HTMLInputElement);
  const stopButton = find(section, '[data-button=stop]', HTMLButtonElement);
  /** What stops the answers on their way, the newest last. */
  const stops: AbortController[] = [];
  const scroll = (): void => {
    turns.scrollTop = turns.scrollHeight;
  };
  const ask = async (text: string): Promise<void> => {
    const stop = new AbortController();
    stops.push(stop);
    stopButton.disabled = false;
    const turn = new Turn(text);
    turns.append(turn.element);
    scroll();
    await turn.show(client.ask('message', { text }, { signal: stop.signal }), scroll);
    stops.splice(stops.indexOf(stop), 1);
    stopButton.disabled = stops.length === 0;
  };
  stopButton.addEventListener('click', () => {
    stops.at(-1)?.abort();
  });
  find(section, 'form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const text = question.value.trim();
    if (text !== '') void ask(text);
  });
}
