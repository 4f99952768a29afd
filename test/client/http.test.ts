import { httpFallback, type HttpFallbackOptions } from '../../client/src/http.ts';

describe('the way over HTTP', () => {
  it.each([NaN, 0, -1, '1000', null])(
    'takes no %p for a time after which a WebSocket is tried again',
    (given) => {
      expect(() => httpFallback({ webSocketAgainMs: given as number })).toThrow(
        new TypeError(`webSocketAgainMs: expected a number above 0, got ${String(given)}`),
      );
    },
  );

  it('has its default where that is undefined, and takes Infinity for the longest', () => {
    for (const webSocketAgainMs of [undefined, Infinity, 0.5])
      expect(httpFallback({ webSocketAgainMs })).toBeInstanceOf(Function);
  });

  it('refuses an option that nobody knows', () => {
    expect(() => httpFallback({ storag: undefined, webSocketAgain: 1 } as HttpFallbackOptions)).toThrow(
      new TypeError('webSocketAgain: unknown option'),
    );
  });
});
