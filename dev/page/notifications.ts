import type { NotificationFrame } from '../demo/frames';
import { order } from './demo-api';
import { find, make } from './elements';
import { readNotification } from './known-frames';
import type { Pane } from './pane';
import type { Visitor } from './visitor';

/** How many notifications are kept. */
const MAX_SHOWN = 30;

/** Lists what arrives, newest first; the buttons have the demo's service send more. */
export function showNotifications(pane: Pane<NotificationFrame>, { tenant, user }: Visitor): void {
  const { section } = pane;
  const list = find(section, '.notices', HTMLElement);
  const empty = find(section, '.empty', HTMLElement);
  pane.onFrame(readNotification, ({ data }) => {
    const time = new Date().toLocaleTimeString(undefined, { hour12: false });
    const to = data.to === 'user' ? `for ${user} alone` : `for everyone at ${tenant}`;
    list.prepend(
      make('li', '', make('span', 'text', data.text), make('span', 'meta', make('time', '', time), to)),
    );
    while (list.childElementCount > MAX_SHOWN) list.lastElementChild?.remove();
    empty.hidden = true;
  });

  const send = (name: string, input: () => Readonly<Record<string, string>>): void => {
    find(section, `[data-button=${name}]`, HTMLButtonElement).addEventListener('click', () => {
      order('notify', input()).catch((cause: unknown) => {
        pane.tell(cause instanceof Error ? cause.message : String(cause), 'bad');
      });
    });
  };
  send('notify-everyone', () => ({ tenant, text: `${user} says hello to everyone` }));
  send('notify-me', () => ({ tenant, user, text: `A note for ${user}` }));
}
