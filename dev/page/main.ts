import { connect, type AnyFrame } from 'ws-bridge-client';
import { connectChat, type ChatOptions } from 'ws-bridge-client/chat';
import { httpFallback } from 'ws-bridge-client/http';
import { DEMO_DASHBOARD, type NotificationFrame, type RefreshFrame } from '../demo/frames';
import { BlockableSockets } from './blockable-sockets';
import { showChat } from './chat';
import { showDashboard } from './dashboard';
import { order } from './demo-api';
import { showDocument } from './document';
import { find } from './elements';
import { EventLog } from './event-log';
import { showNotifications } from './notifications';
import { Pane } from './pane';
import { tabStorage } from './tab-storage';
import { Together } from './together';
import { addressFor, visitorFrom, type Visitor } from './visitor';

/** Its user is to see that the page comes back to WebSockets. */
const WEB_SOCKET_AGAIN_MS = 5_000;

const visitor = visitorFrom(location.search);
const log = new EventLog(find(document, '#log ol', HTMLElement));
const blockable = new BlockableSockets();
const kept = tabStorage();
const sockets = httpFallback({
  ...{ WebSocket: blockable.WebSocket, webSocketAgainMs: WEB_SOCKET_AGAIN_MS },
  ...(kept === undefined ? {} : { storage: kept }),
});
const section = (id: string): HTMLElement => find(document, `#${id}`, HTMLElement);

greet(visitor);
showChat(
  new Pane(section('chat'), '/ws/ai/chat', visitor, log, sockets, (options) =>
    connectChat({ ...keptChat(visitor), ...options }),
  ),
  (session) => addressFor({ ...visitor, session }),
);
showDashboard(
  new Pane(
    section('dashboard'),
    `/ws/bi/dashboards/${DEMO_DASHBOARD}`,
    visitor,
    log,
    sockets,
    connect<RefreshFrame>,
  ),
);
showNotifications(
  new Pane(section('notifications'), '/ws/notifications', visitor, log, sockets, connect<NotificationFrame>),
  visitor,
);
const documentPath = `/ws/collaboration/${encodeURIComponent(visitor.document)}`;
const together = new Together(section('document'), sockets);
showDocument(
  new Pane(section('document'), documentPath, visitor, log, together.WebSocket, connect<AnyFrame>),
);
bindBridgeButtons();
bindBlock();

function greet({ tenant, user, document: name }: Visitor): void {
  document.title = `${user} at ${tenant} · kong-ws-bridge`;
  const form = find(document, '#visitor', HTMLFormElement);
  for (const [field, value] of Object.entries({ tenant, user, document: name })) {
    find(form, `[name=${field}]`, HTMLInputElement).value = value;
  }
  const other = user === 'ben' ? 'ana' : 'ben';
  const link = find(document, '#second-tab', HTMLAnchorElement);
  link.href = addressFor({ tenant, user: other, document: name });
  link.textContent = `Open a tab as ${other}`;
}

/** A page that was loaded again has forgotten what it had shown: all that is kept comes again. */
function keptChat({ session }: Visitor): Pick<ChatOptions, 'session' | 'resume' | 'storage'> {
  const storage = tabStorage();
  return {
    resume: 'oldest',
    ...(session === undefined ? {} : { session }),
    ...(storage === undefined ? {} : { storage }),
  };
}

/** It holds for this tab alone. */
function bindBlock(): void {
  const box = find(document, '[name=block]', HTMLInputElement);
  box.addEventListener('change', () => {
    blockable.areBlocked = box.checked;
    log.add('Browser', box.checked ? 'WebSockets are blocked' : 'WebSockets are allowed');
  });
}

/** The bridge is everybody's: these buttons are felt in every tab. */
function bindBridgeButtons(): void {
  const bind = (what: 'restart-bridge' | 'kill-bridge', begun: string, done: string): void => {
    const button = find(document, `[data-bridge=${what}]`, HTMLButtonElement);
    button.addEventListener('click', () => {
      button.disabled = true;
      log.add('Bridge', begun);
      order(what)
        .then(
          () => {
            log.add('Bridge', done);
          },
          (cause: unknown) => {
            log.add('Bridge', cause instanceof Error ? cause.message : String(cause));
          },
        )
        .finally(() => {
          button.disabled = false;
        });
    });
  };
  bind('restart-bridge', 'another one is starting', 'the new one takes over');
  bind('kill-bridge', 'killed', 'another one runs');
}
