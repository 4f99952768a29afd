import type { Text } from 'yjs';
import { caretAfter, changeBetween } from './text-change';

/** Makes a textarea show a shared text and write what is typed into it. */
export function bindSharedText(area: HTMLTextAreaElement, shared: Text): void {
  area.value = shared.toJSON();
  area.addEventListener('input', () => {
    const change = changeBetween(shared.toJSON(), area.value);
    if (change === undefined) return;
    shared.doc?.transact(() => {
      shared.delete(change.at, change.remove);
      shared.insert(change.at, change.insert);
    }, area);
  });
  shared.observe(({ delta }, { origin }) => {
    if (origin === area) return;
    const { selectionStart, selectionEnd, selectionDirection, scrollTop } = area;
    area.value = shared.toJSON();
    area.setSelectionRange(
      caretAfter(selectionStart, delta),
      caretAfter(selectionEnd, delta),
      selectionDirection,
    );
    area.scrollTop = scrollTop;
  });
}
