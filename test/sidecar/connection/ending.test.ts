import { describe, expect, it } from '@jest/globals';
import { CLOSE_CODES } from '../../../protocol/close-codes';
import { CLOSE_ALLOWANCE_BYTES, Ending } from '../../../sidecar/connection/ending';

describe("a connection's end", () => {
  it('is told with its reason, and with what its client and its user did', () => {
    const ending = new Ending();
    expect(ending.at(1006, 7)).toEqual({
      closedWith: undefined,
      code: 1006,
      isRevoked: false,
      isAtFault: false,
      livedMs: 7,
    });
    ending.faulted(1002);
    ending.revoked();
    ending.begin();
    ending.closes(CLOSE_CODES.tokenExpired);
    expect(ending.at(4401, 8)).toEqual({
      closedWith: CLOSE_CODES.tokenExpired,
      code: 4401,
      isRevoked: true,
      isAtFault: true,
      livedMs: 8,
    });
  });

  it('is not the fault of a client that was told to go before it broke a rule', () => {
    const ending = new Ending();
    ending.begin();
    ending.faulted(1002);
    expect(ending.at(1012, 0)).toMatchObject({ isAtFault: false });
    expect(ending.fault).toBeUndefined();
  });

  it('lets the client send its allowance, and is not read from past that', () => {
    const ending = new Ending();
    ending.begin();
    ending.read(CLOSE_ALLOWANCE_BYTES - 1);
    ending.read(1);
    expect(ending.isReadable).toBe(true);
    ending.read(1);
    expect(ending.isReadable).toBe(false);
  });
});
