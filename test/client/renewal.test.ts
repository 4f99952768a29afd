import { renewalDelayMs } from '../../client/src/renewal.ts';
import { tokenOf } from './fixture';

const NOW_MS = 1_800_000_000_000;
const IN_15_MINUTES = tokenOf(NOW_MS + 900_000);

describe('when a connection is replaced', () => {
  it('is 30 to 45 seconds before its token expires', () => {
    expect(renewalDelayMs(IN_15_MINUTES, NOW_MS, 0, 30_000)).toBe(870_000);
    expect(renewalDelayMs(IN_15_MINUTES, NOW_MS, 1, 30_000)).toBe(855_000);
  });

  it('is left to the bridge when the token leaves no time, so that a cached token makes no loop', () => {
    expect(renewalDelayMs(tokenOf(NOW_MS + 30_000), NOW_MS, 0, 30_000)).toBeUndefined();
    expect(renewalDelayMs(tokenOf(NOW_MS + 30_999), NOW_MS, 0, 30_000)).toBeUndefined();
    expect(renewalDelayMs(tokenOf(NOW_MS - 1), NOW_MS, 0, 30_000)).toBeUndefined();
  });

  it.each([
    '',
    'opaque',
    'a.b.c',
    `a.${btoa('{}')}.c`,
    `a.${btoa('{"exp":"1800000900"}')}.c`,
    `a.${btoa('null')}.c`,
  ])('is left to the bridge when the token says no time: %j', (token) => {
    expect(renewalDelayMs(token, NOW_MS, 0, 30_000)).toBeUndefined();
  });
});
