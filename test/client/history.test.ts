import type { DataKind } from '../../client/src/connection.ts';
import type { Message } from '../../client/src/extension.ts';
import { History } from '../../client/src/history.ts';

/** Takes frames in turn, each a text and its kind. @returns what was told after each: the text, in brackets when it is replayed */
function told(...frames: readonly [text: string, kind: DataKind][]): string[] {
  const all: string[] = [];
  const history = new History(
    ({ type }) => type === 'complete',
    ({ object }, isReplayed) => all.push(isReplayed ? `(${String(object?.type)})` : String(object?.type)),
  );
  return frames.map(([type, kind]) => {
    history.take({ object: { type } } as unknown as Message, kind);
    return all.splice(0).join(' ');
  });
}

describe('frames from before the client came', () => {
  it('are replayed up to the last end of an answer, and new behind it, from the last of them on', () => {
    expect(told(['token', 'past'], ['complete', 'past'], ['start', 'past'], ['token', 'last'])).toEqual([
      '',
      '(token) (complete)',
      '',
      'start token',
    ]);
  });

  it('are all replayed where the last of them ends an answer', () => {
    expect(told(['token', 'past'], ['complete', 'last'], ['start', 'new'])).toEqual([
      '',
      '(token) (complete)',
      'start',
    ]);
  });

  it('are told before the first that is new, also where the last of them never came', () => {
    expect(told(['start', 'past'], ['token', 'new'], ['complete', 'new'])).toEqual([
      '',
      'start token',
      'complete',
    ]);
  });
});
