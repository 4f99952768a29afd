import { describe, expect, it } from '@jest/globals';
import { parseConfig } from '../../../plugin/config/parse';
import { canonicalOrigin } from '../../../plugin/config/origins';
import { checkOrigin } from '../../../plugin/decision/origin';
import { rawConfig } from '../fixture';

describe('an Origin of allowed_origins', () => {
  it.each([
    ['https://app.example.com', 'https://app.example.com'],
    ['https://App.Example.com', 'https://app.example.com'],
    ['HTTPS://app.example.com', 'https://app.example.com'],
    ['https://app.example.com:443', 'https://app.example.com'],
    ['http://app.example.com:80', 'http://app.example.com'],
    ['http://app.example.com:443', 'http://app.example.com:443'],
    ['https://app.example.com:8443', 'https://app.example.com:8443'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://BÜCHER.example:443', 'https://xn--bcher-kva.example'],
    ['https://*.Example.com:443', 'https://*.example.com'],
    ['https://*.bücher.example', 'https://*.xn--bcher-kva.example'],
    ['http://[0:0::1]:3000', 'http://[::1]:3000'],
    ['http://127.1', 'http://127.0.0.1'],
    ['null', 'null'],
    ['https://app.example.com/', 'https://app.example.com'],
    ['https://*.example.com/', 'https://*.example.com'],
    ['*', '*'],
    ['chrome-extension://AbC', 'chrome-extension://abc'],
  ])('%s is read as a browser writes it: %s', (given, sent) => {
    expect(canonicalOrigin(given)).toBe(sent);
  });

  it.each([
    ...['', '**', 'https://', 'app.example.com', 'https://app.example.com//', 'https://app.example.com/x'],
    ...['https://a@b', 'https://a?b', 'https://a#b', 'https://a b', 'https://*', 'https://*.*.example'],
    ...['https://a.*.example', 'https://a:99999', 'https://a%zz', 'https://a\\b'],
  ])('%j is none', (given) => {
    expect(canonicalOrigin(given)).toBeUndefined();
  });

  it('lets a browser in, however the operator spelt it', async () => {
    const { config } = await parseConfig(
      rawConfig({ allowed_origins: ['https://App.Example.com:443', 'https://*.BÜCHER.example'] }),
    );
    for (const origin of ['https://app.example.com', 'https://shop.xn--bcher-kva.example']) {
      expect(checkOrigin({ headers: { origin: [origin] } }, config.origins)).toEqual({ cookiesCount: true });
    }
  });

  it('that is * lets every Origin in, and cookies count only from one that is listed by name', async () => {
    const { config } = await parseConfig(rawConfig({ allowed_origins: ['*', 'https://app.example.com'] }));
    const countedFrom = (origin: string) =>
      checkOrigin({ headers: { origin: [origin] } }, config.origins).cookiesCount;
    expect(['https://app.example.com', 'https://evil.example', 'null', '*'].map(countedFrom)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});
