import { describe, expect, it } from '@jest/globals';
import { CLOSE_CODES, type CloseCode } from '../../../protocol/close-codes';
import { mayHaveLocksAgain } from '../../../sidecar/connection/may-return';

const end = (closedWith: CloseCode | undefined, code: number, isRevoked = false) =>
  mayHaveLocksAgain({ closedWith, code, isRevoked });

describe('a client whose socket has ended', () => {
  it('may come back for its locks after a cut, a close of its own, and what a bridge closes with', () => {
    const { serviceRestart, tokenExpired, tooSlow } = CLOSE_CODES;
    expect([end(undefined, 1006), end(undefined, 1000)]).toEqual([true, true]);
    for (const code of [serviceRestart, tokenExpired, tooSlow]) expect(end(code, code.code)).toBe(true);
  });

  it('may not when its page went away, when it has no right, and when that was revoked', () => {
    const { forbidden, tokenExpired } = CLOSE_CODES;
    expect(end(undefined, 1001)).toBe(false);
    expect([end(forbidden, forbidden.code), end(tokenExpired, tokenExpired.code, true)]).toEqual([
      false,
      false,
    ]);
  });
});
