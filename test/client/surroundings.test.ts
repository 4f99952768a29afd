import { surroundingsOf } from '../../client/src/surroundings.ts';

class Page extends EventTarget {
  readonly navigator = { onLine: true };
  readonly document = Object.assign(new EventTarget(), { visibilityState: 'visible' });

  show(visibilityState: 'visible' | 'hidden'): void {
    this.document.visibilityState = visibilityState;
    this.document.dispatchEvent(new Event('visibilitychange'));
  }
}

describe('the surroundings of a page', () => {
  it('are told as they change, until the signal is aborted', () => {
    const page = new Page();
    const told: string[] = [];
    const listening = new AbortController();
    surroundingsOf(page).listen((change) => told.push(change), listening.signal);
    page.dispatchEvent(new Event('offline'));
    page.dispatchEvent(new Event('online'));
    page.show('hidden');
    page.show('visible');
    expect(told).toEqual(['offline', 'online', 'visible']);
    listening.abort();
    page.dispatchEvent(new Event('offline'));
    page.show('visible');
    expect(told).toHaveLength(3);
  });

  it('are what the page says now', () => {
    const page = new Page();
    const surroundings = surroundingsOf(page);
    expect(surroundings).toMatchObject({ online: true, visible: true });
    page.navigator.onLine = false;
    page.show('hidden');
    expect(surroundings).toMatchObject({ online: false, visible: false });
  });

  it('are online and visible, and never change, where there is no page', () => {
    const surroundings = surroundingsOf({ navigator: {} });
    expect(surroundings).toMatchObject({ online: true, visible: true });
    expect(() => {
      surroundings.listen(() => undefined, new AbortController().signal);
    }).not.toThrow();
  });
});
