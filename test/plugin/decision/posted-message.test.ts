import { describe, expect, it } from '@jest/globals';
import type { Admit } from '../../../plugin/decision/verdict';
import { MemoryLimits } from '../../../plugin/store/memory-limits';
import { sparingStore } from '../../../plugin/store/sparing-store';
import { NOW, signToken } from '../fixture';
import { expectRefused, storeSaying, verdictFor, type Given } from './deciding';

describe('a message that is posted', () => {
  const posted = (token?: string, given: Given = {}) =>
    verdictFor({
      ...given,
      request: { method: 'POST', ...given.request },
      headers: {
        upgrade: [],
        'content-type': ['application/json'],
        ...(token !== undefined && { authorization: [`Bearer ${token}`] }),
        ...given.headers,
      },
    });

  it('is admitted as an upgrade is, and charged to no limit of upgrades and no return', async () => {
    const store = storeSaying({ admitted: true, states: [], revoked: false });
    const verdict = (await posted(await signToken(), { store })) as Admit;
    expect(verdict.outcome).toBe('admitted');
    expect(verdict.upstreamHeaders).toHaveProperty('X-Gateway-Assertion');
    expect(store.asked).toMatchObject([{ limits: [], returnKey: undefined, isDryRun: false }]);
    expect(verdict.responseHeaders).toMatchObject({ 'RateLimit-Limit': '600' });
    // Some libraries accept a stream with every request.
    const headers = { accept: ['text/event-stream'] };
    await posted(await signToken(), { store, headers });
    expect(store.asked.at(-1)).toMatchObject({ limits: [] });
    await posted(await signToken(), { store, headers: { ...headers, 'content-type': [] } });
    expect(store.asked.at(-1)).toMatchObject({ limits: [] });
  });

  it('is refused with 429 over the limits of messages of its user and its tenant, before Redis is asked', async () => {
    const messages = new MemoryLimits(() => 0, 10);
    const store = storeSaying({ admitted: true, states: [], revoked: false });
    const config = {
      message_limits: [
        { by: 'user', limit: 2, window_size: 60, burst: 1 },
        { by: 'tenant', limit: 60, window_size: 60, burst: 2 },
      ],
    };
    const given = { messages, store, config };
    const outcomes: string[] = [];
    for (const sub of ['u1', 'u1', 'u1', 'u2', 'u3']) {
      const verdict = await posted(await signToken({ sub }), given);
      outcomes.push(verdict.outcome);
      if (verdict.outcome !== 'rate_limited') continue;
      expect(verdict).toMatchObject({
        status: 429,
        message: 'Too many messages, try again later',
        limit: { by: sub === 'u1' ? 'user' : 'tenant' },
      });
      expect(Number(verdict.responseHeaders['Retry-After'])).toBeGreaterThan(0);
    }
    expect(outcomes).toEqual(['admitted', 'admitted', 'rate_limited', 'admitted', 'rate_limited']);
    expect(store.asked).toHaveLength(3);
    // An upgrade of theirs is another matter.
    expect(await verdictFor({ token: await signToken(), messages, config })).toMatchObject({
      outcome: 'admitted',
    });
  });

  it('is charged to nobody once its token is known as revoked, and its user goes on with another one', async () => {
    const messages = new MemoryLimits(() => 0, 10);
    const revoked = new Set(['blacklist:stolen']);
    const store = sparingStore({
      ask: ({ revocationKey = '' }) =>
        Promise.resolve({ admitted: true, states: [], revoked: revoked.has(revocationKey) }),
    });
    const config = { message_limits: [{ by: 'user', limit: 1, window_size: 60, burst: 1 }] };
    const given = { messages, store, config };
    const stolen = await signToken({ jti: 'stolen' });
    for (let n = 0; n < 5; n += 1) expectRefused(await posted(stolen, given), 401, 'revoked');
    expect(await posted(await signToken(), given)).toMatchObject({ outcome: 'admitted' });
    expectRefused(await posted(await signToken(), given), 429, 'rate_limited');
    // It is charged as any other once it is good again.
    revoked.clear();
    expectRefused(await posted(stolen, given), 429, 'rate_limited');
  });

  it('is refused as an upgrade is', async () => {
    expectRefused(await posted(), 401, 'no_token');
    expectRefused(await posted(await signToken({ exp: NOW - 5 })), 401, 'expired');
    const revoked = storeSaying({ admitted: true, states: [], revoked: true });
    expectRefused(await posted(await signToken(), { store: revoked }), 401, 'revoked');
    const config = { allowed_origins: ['https://app.example'], cookie_names: ['session'] };
    // A browser sends an Origin with every POST.
    const cookie = { cookie: [`session=${await signToken()}`], 'sec-fetch-site': ['same-origin'] };
    expectRefused(await posted(undefined, { config, headers: cookie }), 403, 'origin_not_allowed');
    const headers = { ...cookie, origin: ['https://evil.example'] };
    expectRefused(await posted(undefined, { config, headers }), 403, 'origin_not_allowed');
    const own = { ...cookie, origin: ['https://app.example'] };
    expect(await posted(undefined, { config, headers: own })).toMatchObject({ outcome: 'admitted' });
  });

  it('gets 426 where http_streaming is off, and where it is no POST', async () => {
    const config = { http_streaming: false };
    expectRefused(await posted(await signToken(), { config }), 426, 'not_an_upgrade');
    const request = { method: 'GET' };
    expectRefused(await posted(await signToken(), { request }), 426, 'not_an_upgrade');
  });
});
