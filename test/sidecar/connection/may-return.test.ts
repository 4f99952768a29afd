import { describe, expect, it } from '@jest/globals';
import { CLOSE_CODES } from '../../../protocol/close-codes';
import { mayReturn, type SocketEnd } from '../../../sidecar/connection/may-return';

const { serviceRestart, tokenExpired, tooSlow, ...OTHERS } = CLOSE_CODES;
const RETURN_AFTER_MS = 30_000;

function end(changes: Partial<SocketEnd>): SocketEnd {
  return {
    closedWith: undefined,
    code: 1006,
    isRevoked: false,
    isAtFault: false,
    livedMs: RETURN_AFTER_MS,
    ...changes,
  };
}

describe('a user may come back without a charge', () => {
  it.each([
    ['was cut', end({})],
    ['outlived its token', end({ closedWith: tokenExpired, code: 4401 })],
    ['was too slow', end({ closedWith: tooSlow, code: 4408 })],
    ['did not answer the close frame', end({ closedWith: tooSlow, code: 1006 })],
  ])('when a socket that lived long enough %s, and not when it was younger', (_, old) => {
    expect(mayReturn(old, RETURN_AFTER_MS)).toBe(true);
    expect(mayReturn({ ...old, livedMs: RETURN_AFTER_MS - 1 }, RETURN_AFTER_MS)).toBe(false);
  });

  it('when the bridge ends, however young the socket is', () => {
    expect(mayReturn(end({ closedWith: serviceRestart, code: 1012, livedMs: 0 }), RETURN_AFTER_MS)).toBe(
      true,
    );
  });

  it('and not when its client broke a rule of RFC 6455, and no close frame of it came', () => {
    expect(mayReturn(end({ isAtFault: true }), RETURN_AFTER_MS)).toBe(false);
  });

  it.each([1000, 1001, 1005, 1009, 4000])('and not when its client closed with %d', (code) => {
    expect(mayReturn(end({ code }), RETURN_AFTER_MS)).toBe(false);
  });

  it.each(Object.values(OTHERS))('and not when the bridge closed it with $code', (closedWith) => {
    for (const code of [closedWith.code, 1006]) {
      expect(mayReturn(end({ closedWith, code }), RETURN_AFTER_MS)).toBe(false);
    }
  });

  it('and not when the token was revoked', () => {
    const revoked = end({ closedWith: tokenExpired, code: 4401, isRevoked: true });
    expect(mayReturn(revoked, RETURN_AFTER_MS)).toBe(false);
  });

  it('and never when there are no returns', () => {
    expect(mayReturn(end({ closedWith: serviceRestart, code: 1012 }), 0)).toBe(false);
  });
});
