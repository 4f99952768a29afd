import type { DataFrame } from 'ws-bridge-client';
import type { ChatClient } from 'ws-bridge-client/chat';
import { find } from './elements';
import { showOthersAnswers } from './others-answers';
import type { Pane } from './pane';
import { Turn } from './turn';

/**
 * Asks questions and shows each answer as its tokens arrive, also several at once, and those that others asked for.
 * @param addressOf the page's address with this session
 */
export function showChat(pane: Pane<DataFrame, ChatClient>, addressOf: (session: string) => string): void {
  const { section, client } = pane;
  const turns = find(section, '.turns', HTMLElement);
  const question = find(section, 'form input', HTMLInputElement);
  const stopButton = find(section, '[data-button=stop]', HTMLButtonElement);
  /** These stop the answers on their way, the newest last. */
  const stops: AbortController[] = [];
  const scroll = (): void => {
    turns.scrollTop = turns.scrollHeight;
  };
  const add = (turn: Turn): void => {
    turns.append(turn.element);
    scroll();
  };
  const ask = async (text: string): Promise<void> => {
    const stop = new AbortController();
    stops.push(stop);
    stopButton.disabled = false;
    const turn = new Turn(text);
    add(turn);
    await turn.show(
      client.ask(
        'message',
        { text },
        {
          signal: stop.signal,
          onRestart: () => {
            turn.restart();
          },
        },
      ),
      scroll,
    );
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
  showOthersAnswers(client, add, scroll);
  offerSecondTab(pane, addressOf);
}

/** Once the session is known, another tab can show the same chat. */
function offerSecondTab({ section, client }: Pane<DataFrame>, addressOf: (session: string) => string): void {
  const link = find(section, '[data-link=second-tab]', HTMLAnchorElement);
  find(section, '.event', HTMLElement).append(link);
  client.on('state', () => {
    if (client.session === undefined) return;
    link.href = addressOf(client.session);
    link.hidden = false;
  });
}
