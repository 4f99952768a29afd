import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Admit, Reject } from '../../../plugin/decision/verdict';
import { verifyAssertion } from '../../../protocol/assertion';
import { importSecret, type FittedKey } from '../../../protocol/keys';
import { ASSERTION_SECRET, NOW, signToken } from '../fixture';
import { expectRefused, FREE, state, storeSaying, verdictFor, type Given } from './deciding';

let assertionKey: FittedKey;
beforeAll(async () => {
  assertionKey = await importSecret(ASSERTION_SECRET, 'HS256');
});

describe('a request for an event stream', () => {
  const streamed = (token?: string, given: Given = {}) =>
    verdictFor({
      ...given,
      request: { method: 'GET', ...given.request },
      headers: {
        upgrade: [],
        accept: ['text/event-stream'],
        ...(token !== undefined && { authorization: [`Bearer ${token}`] }),
        ...given.headers,
      },
    });

  it('is admitted as an upgrade is, and charged to the same limits', async () => {
    const [store, ofUpgrade] = [storeSaying(FREE), storeSaying(FREE)];
    const token = await signToken();
    const verdict = (await streamed(token, { store })) as Admit;
    const secretHeader = 'x-gateway-assertion';
    expect(verdict).toMatchObject({ outcome: 'admitted', clearHeaders: ['authorization'], secretHeader });
    await verdictFor({ token, store: ofUpgrade });
    expect(store.asked).toEqual(ofUpgrade.asked);
    expect(store.asked).toMatchObject([{ isDryRun: false }]);
    const { path } = await verifyAssertion(
      verdict.upstreamHeaders['X-Gateway-Assertion'] ?? '',
      [assertionKey],
      NOW,
    );
    expect(path).toBe('/ws/notifications');
  });

  it('is refused as an upgrade is', async () => {
    expectRefused(await streamed(), 401, 'no_token');
    expectRefused(await streamed(await signToken({ exp: NOW - 5 })), 401, 'expired');
    const full = storeSaying({ ...FREE, admitted: false, states: [state({ retryAfterUs: 7_000_000 })] });
    const verdict = (await streamed(await signToken(), { store: full })) as Reject;
    expectRefused(verdict, 429, 'rate_limited');
    expect(verdict.responseHeaders).toMatchObject({ 'Retry-After': '7' });
    expectRefused(
      await streamed(await signToken(), { store: storeSaying({ ...FREE, revoked: true }) }),
      401,
      'revoked',
    );
    const config = { allowed_origins: ['https://app.example'], allow_absent_origin: false };
    const headers = { origin: ['https://evil.example'] };
    expectRefused(await streamed(await signToken(), { config, headers }), 403, 'origin_not_allowed');
  });

  it('brings its token at any place that an upgrade may', async () => {
    const token = await signToken();
    const query = {
      config: { uri_param_names: ['token'] },
      request: { rawQuery: `token=${token}&session=s1` },
    };
    expect(await streamed(undefined, query)).toMatchObject({ outcome: 'admitted', rawQuery: 'session=s1' });
    const cookie = {
      config: {
        cookie_names: ['session'],
        allowed_origins: ['https://app.example'],
        allow_absent_origin: true,
      },
      headers: { cookie: [`session=${token}`], 'sec-fetch-site': ['same-origin'] },
    };
    expect(await streamed(undefined, cookie)).toMatchObject({ outcome: 'admitted' });
    const forged = { ...cookie, headers: { ...cookie.headers, 'sec-fetch-site': ['cross-site'] } };
    expectRefused(await streamed(undefined, forged), 403, 'origin_not_allowed');
  });

  it('gets 426 where http_streaming is off, and its token in a header is looked at as ever', async () => {
    const config = { http_streaming: false };
    const store = storeSaying(FREE);
    const verdict = await streamed(await signToken(), { config, store });
    expectRefused(verdict, 426, 'not_an_upgrade');
    expect(store.asked).toMatchObject([{ isDryRun: true }]);
    expectRefused(await streamed(undefined, { config }), 426, 'not_an_upgrade');
  });

  it.each(['HEAD', 'PUT', 'OPTIONS'])('is none with the method %s, which charges nothing', async (method) => {
    const store = storeSaying(FREE);
    const verdict = await streamed(await signToken(), { store, request: { method } });
    expectRefused(verdict, 426, 'not_an_upgrade');
    expect(store.asked).toMatchObject([{ isDryRun: true }]);
  });

  it.each([['*/*'], ['text/*'], ['text/event-stream;q=0'], ['text/html, */*;q=0.1']])(
    'is none with Accept: %s, which charges nothing',
    async (accept) => {
      const store = storeSaying(FREE);
      const verdict = await streamed(await signToken(), { store, headers: { accept: [accept] } });
      expectRefused(verdict, 426, 'not_an_upgrade');
      expect(store.asked).toMatchObject([{ isDryRun: true }]);
    },
  );
});
