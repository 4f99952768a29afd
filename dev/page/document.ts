import type { AnyFrame } from 'ws-bridge-client';
import { Doc } from 'yjs';
import { DocumentSync } from './document-sync';
import { find } from './elements';
import type { Pane } from './pane';
import { bindSharedText } from './shared-text';

/** Lets everybody who has the same document open write in it at once. */
export function showDocument(pane: Pane<AnyFrame>): void {
  const { client, section } = pane;
  const doc = new Doc();
  const sync = new DocumentSync(doc, (message) => {
    client.sendMessage(message);
  });
  pane.onMessage((message) => {
    if (typeof message === 'string') throw new TypeError('expected a binary message');
    sync.receive(new Uint8Array(message));
  });
  pane.onReady(() => {
    sync.resync();
  });
  client.on('gap', () => {
    sync.resync();
  });
  bindSharedText(find(section, 'textarea', HTMLTextAreaElement), doc.getText('text'));
}
