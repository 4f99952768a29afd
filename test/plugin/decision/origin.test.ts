import { describe, expect, it } from '@jest/globals';
import { checkOrigin } from '../../../plugin/decision/origin';

const allowed = ['https://app.example.com', 'https://*.apps.example.com:8443', 'null'];
const check = (origin: string | undefined, allowAbsent = true) =>
  checkOrigin({ headers: origin === undefined ? {} : { origin: [origin] } }, { allowed, allowAbsent });

describe('an Origin', () => {
  it.each([
    'https://app.example.com',
    'https://a.apps.example.com:8443',
    'https://a-1.b.apps.example.com:8443',
    'null',
  ])('%s that is allowed may connect and lets cookies count', (origin) => {
    expect(check(origin)).toEqual({ cookiesCount: true });
  });

  it.each([
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

  it('is not looked at without a list, and no cookie counts then', () => {
    const rules = { allowed: [], allowAbsent: true };
    expect(checkOrigin({ headers: { origin: ['https://any.example'] } }, rules)).toEqual({
      cookiesCount: false,
    });
  });
});
