import { describe, expect, it } from '@jest/globals';
import type { Reject } from '../../../plugin/decision/verdict';
import { NOW, signToken, upgradeHeaders } from '../fixture';
import { expectRefused, FREE, state, storeSaying, verdictFor, type Given } from './deciding';

describe('an upgrade is refused', () => {
  it('with 426 when it is no WebSocket upgrade', async () => {
    const headers = { ...upgradeHeaders(await signToken()), upgrade: [] };
    const verdict = await verdictFor({ headers });
    expectRefused(verdict, 426, 'not_an_upgrade');
    expect(verdict.responseHeaders).toMatchObject({ Upgrade: 'websocket' });
  });

  it('as an upgrade would be, when it is none and brings its token in a header: a page asks why', async () => {
    const plain = async (token: string, given: Given = {}) =>
      verdictFor({ ...given, headers: { ...upgradeHeaders(token), upgrade: [], ...given.headers } });
    expectRefused(await plain(await signToken({ exp: NOW - 5 })), 401, 'expired');
    const full = storeSaying({ ...FREE, admitted: false, states: [state({ retryAfterUs: 7_000_000 })] });
    const verdict = (await plain(await signToken(), { store: full })) as Reject;
    expectRefused(verdict, 429, 'rate_limited');
    expect(verdict.responseHeaders).toMatchObject({ 'Retry-After': '7' });
    expect(full.asked).toMatchObject([{ isDryRun: true }]);
    const config = { allowed_origins: ['https://app.example'], allow_absent_origin: false };
    expectRefused(
      await plain(await signToken(), { config, headers: { origin: ['https://evil.example'] } }),
      403,
      'origin_not_allowed',
    );
    // A page's GET to its own origin has none.
    expectRefused(
      await plain(await signToken(), { config, headers: { origin: undefined as never } }),
      426,
      'not_an_upgrade',
    );
  });

  it('with 426 when it is none and its token is elsewhere: nothing else is looked at', async () => {
    const store = storeSaying(FREE);
    const headers = {
      ...upgradeHeaders(undefined),
      upgrade: [],
      'sec-websocket-protocol': [`bearer.${await signToken({ exp: NOW - 5 })}`],
    };
    expectRefused(await verdictFor({ headers, store }), 426, 'not_an_upgrade');
    expect(store.asked).toEqual([]);
  });
});
