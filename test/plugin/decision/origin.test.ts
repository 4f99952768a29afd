import { describe, expect, it } from '@jest/globals';
import { checkOrigin, originOf } from '../../../plugin/decision/origin';

const allowed = ['https://app.example.com', 'https://*.apps.example.com:8443', 'null'];
const check = (origin: string | undefined, allowAbsent = true) =>
  checkOrigin({ headers: origin === undefined ? {} : { origin: [origin] } }, { allowed, allowAbsent });

describe('an Origin', () => {
  it.each([
    'https://app.example.com',
    'https://a.apps.example.com:8443',
    'https://a-1.b.apps.example.com:8443',
    'https://feature_x.apps.example.com:8443',
  ])('%s that is allowed may connect and lets cookies count', (origin) => {
    expect(check(origin)).toEqual({ cookiesCount: true });
  });

  it('null that is allowed may connect, and lets no cookie count: a frame in any page can have it', () => {
    expect(check('null')).toEqual({ cookiesCount: false });
  });

  it.each([
    'https://x.evil.example.com:8443',
    'httpx://x.apps.example.com:8443',
    'https://x.evilapps.example.com:8443',
    'https://.apps.example.com:8443',
    'https://a.apps.example.com',
    'https://a b.apps.example.com:8443',
    '',
  ])('%j is refused', (origin) => {
    expect(() => check(origin)).toThrow('The Origin is not allowed');
  });

  it('that is absent may connect unless the configuration requires one, and lets no cookie count', () => {
    expect(check(undefined)).toEqual({ cookiesCount: false });
    expect(() => check(undefined, false)).toThrow('An Origin is required');
  });

  it('of which there are two is refused', () => {
    const headers = { origin: ['https://app.example.com', 'https://app.example.com'] };
    expect(() => checkOrigin({ headers }, { allowed, allowAbsent: true })).toThrow(
      'More than one Origin was sent',
    );
  });

  it.each([
    ['https://any.example', false],
    ['*', false],
    ['https://app.example.com', true],
  ])('%s may connect where any may, and whether cookies count from it is %s', (origin, cookiesCount) => {
    const rules = { allowed: ['*', ...allowed], allowAbsent: false };
    expect(checkOrigin({ headers: { origin: [origin] } }, rules)).toEqual({ cookiesCount });
  });

  it('is not looked at without a list, and no cookie counts then', () => {
    const rules = { allowed: [], allowAbsent: true };
    expect(checkOrigin({ headers: { origin: ['https://any.example'] } }, rules)).toEqual({
      cookiesCount: false,
    });
  });
});

describe('a stream of a page, whose browser sends no Origin to its own', () => {
  const of = (headers: Record<string, string[]>, allowAbsent = false) =>
    originOf({ headers }, 'stream', { allowed, allowAbsent });

  it('is known by Sec-Fetch-Site, and its cookies count', () => {
    expect(of({ 'sec-fetch-site': ['same-origin'] })).toEqual({ cookiesCount: true });
  });

  it.each([['same-site'], ['cross-site'], ['none'], ['same-origin, same-origin']])(
    'is judged as one without an Origin when that says %s',
    (site) => {
      expect(() => of({ 'sec-fetch-site': [site] })).toThrow('An Origin is required');
      expect(of({ 'sec-fetch-site': [site] }, true)).toEqual({ cookiesCount: false });
    },
  );

  it('is judged by its Origin when it has one, whatever else it says', () => {
    const headers = { origin: ['https://evil.example'], 'sec-fetch-site': ['same-origin'] };
    expect(() => of(headers)).toThrow('The Origin is not allowed');
  });

  it('sends no cookie that counts where the configuration allows no Origin by name', () => {
    const rules = { allowed: [], allowAbsent: true };
    const headers = { 'sec-fetch-site': ['same-origin'] };
    expect(originOf({ headers }, 'stream', rules)).toEqual({ cookiesCount: false });
  });

  it('is no way around the Origin of an upgrade', () => {
    const headers = { 'sec-fetch-site': ['same-origin'] };
    expect(() => originOf({ headers }, 'upgrade', { allowed, allowAbsent: false })).toThrow(
      'An Origin is required',
    );
  });
});

it('a request that asks for no connection lets no cookie count', () => {
  const headers = { 'sec-fetch-site': ['same-origin'] };
  expect(originOf({ headers }, 'none', { allowed, allowAbsent: true })).toEqual({ cookiesCount: false });
});
