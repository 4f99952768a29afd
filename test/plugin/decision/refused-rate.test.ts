import { describe, expect, it } from '@jest/globals';
import type { Reject } from '../../../plugin/decision/verdict';
import { NOW, signToken } from '../fixture';
import { expectRefused, FREE, state, storeSaying, verdictFor } from './deciding';

describe('a limit by address', () => {
  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::2'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
  ])('counts %s and %s as one client', async (one, other) => {
    const rate = { limit: 5, window_size: 60, burst: 0, paths: [], tiers: {} };
    const store = storeSaying(FREE);
    for (const ip of [one, other]) {
      const config = { rate_limits: [{ ...rate, by: 'ip' }] };
      await verdictFor({ token: await signToken(), config, store, request: { ip } });
    }
    const [first, second] = store.asked.map(({ limits }) => limits.map(({ key }) => key));
    expect(first).toEqual(second);
    expect(first).toEqual([expect.stringContaining('{ip:')]);
  });
});

describe('an upgrade is refused', () => {
  it('with 429 and the time to wait when a limit refuses', async () => {
    const states = [
      state({ limit: 300 }),
      state({ remaining: 0, retryAfterUs: 2_000_001, resetUs: 13_000_000 }),
    ];
    const store = storeSaying({ admitted: false, states, revoked: false });
    const verdict = await verdictFor({ token: await signToken(), store });
    expectRefused(verdict, 429, 'rate_limited');
    expect(verdict.responseHeaders).toEqual({
      'X-Request-ID': 'id-1',
      'Retry-After': '3',
      'RateLimit-Limit': '60',
      'RateLimit-Remaining': '0',
      'RateLimit-Reset': '13',
      'X-RateLimit-Limit': '60',
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': '13',
    });
    const hidden = await verdictFor({
      token: await signToken(),
      store,
      config: { hide_client_headers: true },
    });
    expect(Object.keys(hidden.responseHeaders).sort()).toEqual(['Retry-After', 'X-Request-ID']);
  });

  it('with 429 in the operator’s words, and a wait that is longer at random', async () => {
    const states = [state({ remaining: 0, retryAfterUs: 2_000_001, resetUs: 13_000_000 })];
    const store = storeSaying({ admitted: false, states, revoked: false });
    const config = { error_message: 'Langsam', retry_after_jitter_max: 5 };
    const waits: unknown[] = [];
    for (const random of [0, 0.5, 0.999]) {
      const verdict = (await verdictFor({ token: await signToken(), store, config, random })) as Reject;
      expect(verdict).toMatchObject({ status: 429, message: 'Langsam' });
      expect(verdict.responseHeaders).toMatchObject({ 'RateLimit-Reset': '13' });
      waits.push(verdict.responseHeaders['Retry-After']);
    }
    expect(waits).toEqual(['3', '6', '8']);
    expect(await verdictFor({ token: 'x', config })).toMatchObject({
      status: 401,
      message: expect.not.stringContaining('Langsam') as unknown,
    });
  });

  it('with 429 whose X-RateLimit-Reset is a Unix timestamp where rate_limit_reset says so, and the IETF’s is not', async () => {
    const states = [state({ remaining: 0, retryAfterUs: 2_000_001, resetUs: 12_300_000 })];
    const store = storeSaying({ admitted: false, states, revoked: false });
    const config = { rate_limit_reset: 'timestamp' };
    const verdict = await verdictFor({ token: await signToken(), store, config, at: NOW + 0.5 });
    expect(verdict.responseHeaders).toMatchObject({
      'Retry-After': '3',
      'RateLimit-Reset': '13',
      'X-RateLimit-Reset': String(NOW + 13),
    });
  });

  it('by the figures of the tenant’s tier, for which the store is asked under the escaped tenant', async () => {
    const store = storeSaying(FREE);
    const token = await signToken({ tenant_id: 'a:b' });
    await verdictFor({ token, store, config: { tier_key: 'tier:{tenant}' } });
    await verdictFor({ token, store });
    expect(store.asked.map(({ tierKey }) => tierKey)).toEqual(['tier:a%3Ab', undefined]);
    expect(store.asked.map(({ limits }) => limits[0]?.choices?.tiers.size)).toEqual([3, undefined]);
  });

  it('with 429 that tells the log, by its entry, which limit refused, and no client’s address', async () => {
    const limits = [{ by: 'user', limit: 5, burst: 0, window_size: 60, paths: ['/ws'], tiers: {} }];
    const store = storeSaying({
      admitted: false,
      states: [state({ limit: 5, remaining: 0 })],
      revoked: false,
    });
    const config = { rate_limits: limits };
    const verdict = await verdictFor({
      token: await signToken(),
      store,
      config,
      request: { ip: '192.0.2.1', path: '/ws' },
    });
    expect(verdict).toMatchObject({
      message: 'Too many connections, try again later',
      limit: { by: 'user', paths: ['/ws'], limit: 5 },
    });
    expect(verdict).not.toHaveProperty('address');
  });

  it('with 429 in the words of the operator without a longer wait, and with a longer wait in ours', async () => {
    const states = [state({ remaining: 0, retryAfterUs: 2_000_000 })];
    const store = storeSaying({ admitted: false, states, revoked: false });
    const answerTo = async (config: Record<string, unknown>) => {
      const { message, responseHeaders } = (await verdictFor({
        token: await signToken(),
        store,
        config,
      })) as Reject;
      return [message, responseHeaders['Retry-After']];
    };
    expect(await answerTo({ error_message: 'Langsam' })).toEqual(['Langsam', '2']);
    expect(await answerTo({ retry_after_jitter_max: 5 })).toEqual([
      'Too many connections, try again later',
      '5',
    ]);
  });

  it('without a question to Redis where nothing is limited and nobody looks for revoked tokens', async () => {
    const store = storeSaying(new Error('must not be asked'));
    const config = {
      rate_limits: [],
      revocation: { enabled: false, key_prefix: 'blacklist:', fault_tolerant: false },
    };
    expect(await verdictFor({ token: await signToken(), store, config })).toMatchObject({
      outcome: 'admitted',
      responseHeaders: {},
    });
    expectRefused(await verdictFor({ token: 'x', store, config }), 401, 'malformed_token');
  });

  it('by what the store knows of returns of its user to its path, where returns are told', async () => {
    const store = storeSaying(FREE);
    const token = await signToken();
    await verdictFor({ token, store });
    await verdictFor({ token, store, request: { upstreamPath: '/ws/other' } });
    await verdictFor({ token, store, config: { returns: false } });
    const [first, other, off] = store.asked.map((query) => query.returnKey);
    expect(first).toEqual(expect.any(String));
    expect(other).not.toBe(first);
    expect(off).toBeUndefined();
  });

  it('and charged to nobody when its token is bad', async () => {
    const store = storeSaying(FREE);
    expectRefused(await verdictFor({ token: await signToken({ iss: 'x' }), store }), 401, 'wrong_issuer');
    expect(store.asked).toEqual([]);
  });
});
