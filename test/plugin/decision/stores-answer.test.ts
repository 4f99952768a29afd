import { describe, expect, it } from '@jest/globals';
import {
  StoreUnreachableError,
  type Store,
  type StoreAnswer,
  type StoreQuery,
} from '../../../plugin/store/store';
import { signToken } from '../fixture';
import { expectRefused, FREE, state, storeSaying, verdictFor } from './deciding';

/** The question to the store about this token. */
async function askedFor(token: string): Promise<StoreQuery | undefined> {
  const store = storeSaying(FREE);
  await verdictFor({ token, store });
  return store.asked[0];
}

describe('an upgrade is refused', () => {
  it('with 401 when the token was revoked', async () => {
    const store = storeSaying({ ...FREE, revoked: true });
    expectRefused(await verdictFor({ token: await signToken(), store }), 401, 'revoked');
    expect(store.asked[0]?.revocationKey).toBe('blacklist:token-1');
  });

  it('with 503 when Redis is away and a policy does not allow to go on without it', async () => {
    const gone = { store: storeSaying(new StoreUnreachableError('gone')), fallbackStore: storeSaying(FREE) };
    const policy = (limits: boolean, revoked: boolean) => ({
      fault_tolerant: limits,
      revocation: { enabled: true, key_prefix: 'blacklist:', fault_tolerant: revoked },
    });
    const verdict = async (limits: boolean, revoked: boolean, claims = {}) =>
      verdictFor({ token: await signToken(claims), ...gone, config: policy(limits, revoked) });
    for (const refused of [
      await verdict(false, true),
      await verdict(true, false),
      await verdict(false, false),
    ]) {
      expectRefused(refused, 503, 'redis_unreachable');
      expect(refused.responseHeaders).toMatchObject({ 'Retry-After': '1' });
    }
    expect((await verdict(true, true)).outcome).toBe('admitted');
    // A token without a jti cannot be revoked one by one: nothing is looked up for it.
    expect((await verdict(true, false, { jti: undefined })).outcome).toBe('admitted');
  });

  it('as far as Redis gave no answer, in this process alone: of the token nothing is asked there', async () => {
    const fallbackStore = storeSaying(FREE);
    const [first, second] = [1, 2].map((limit) => ({
      by: 'user',
      limit,
      window_size: 60,
      burst: 0,
      paths: [],
      tiers: {},
    }));
    const store: Store = {
      ask: ({ limits }) => Promise.resolve({ ...FREE, uncounted: limits.slice(1) }),
    };
    const config = {
      rate_limits: [first, second],
      fault_tolerant: true,
      revocation: { enabled: true, key_prefix: 'blacklist:', fault_tolerant: false },
    };
    const verdict = await verdictFor({ token: await signToken(), store, fallbackStore, config });
    expect(verdict.outcome).toBe('admitted');
    expect(fallbackStore.asked).toMatchObject([
      { limits: [{ rate: { limit: 2 } }], revocationKey: undefined },
    ]);
  });

  it('not at all where the store fails in another way than Redis does', async () => {
    const store = storeSaying(new TypeError('a fault of ours'));
    const verdict = verdictFor({ token: await signToken(), store, config: { fault_tolerant: true } });
    await expect(verdict).rejects.toThrow('a fault of ours');
  });

  it('by each answer of Redis for itself, when it refuses one and gives the other', async () => {
    const token = await signToken();
    const fallbackStore = storeSaying({ admitted: true, states: [state({ limit: 7 })], revoked: false });
    const verdict = async (answer: Partial<StoreAnswer>, limits: boolean, revoked: boolean) => {
      const { limits: asked } = (await askedFor(token)) ?? { limits: [] };
      expect(asked).toHaveLength(1);
      const store: Store = {
        ask: (query) =>
          Promise.resolve({
            ...FREE,
            ...answer,
            ...('uncounted' in answer && { states: [], uncounted: query.limits }),
          }),
      };
      const revocation = { enabled: true, key_prefix: 'blacklist:', fault_tolerant: revoked };
      return verdictFor({ token, store, fallbackStore, config: { fault_tolerant: limits, revocation } });
    };
    const uncounted = { uncounted: [] };
    // A write that is refused takes nothing from the word on the token, and is what the message names.
    expect(await verdict(uncounted, true, false)).toMatchObject({
      outcome: 'admitted',
      responseHeaders: { 'RateLimit-Limit': '7' },
    });
    expect(await verdict(uncounted, false, false)).toMatchObject({
      status: 503,
      message: 'The rate limit cannot be checked, try again later',
    });
    for (const faultTolerant of [true, false]) {
      expectRefused(
        await verdict({ ...uncounted, revoked: true }, faultTolerant, faultTolerant),
        401,
        'revoked',
      );
    }
    // A read that is refused takes nothing from the limits.
    const unknown = { revoked: undefined };
    expect(await verdict(unknown, true, false)).toMatchObject({
      status: 503,
      message: 'Whether the token was revoked cannot be checked, try again later',
    });
    expect((await verdict(unknown, false, true)).outcome).toBe('admitted');
    expectRefused(await verdict({ ...unknown, admitted: false }, false, true), 429, 'rate_limited');
  });

  it('with 429 by the limits in memory while Redis is away', async () => {
    const fallbackStore = storeSaying({ admitted: false, states: [state({ remaining: 0 })], revoked: false });
    const store = storeSaying(new StoreUnreachableError('gone'));
    const config = { revocation: { enabled: false, key_prefix: '', fault_tolerant: false } };
    expectRefused(
      await verdictFor({ token: await signToken(), store, fallbackStore, config }),
      429,
      'rate_limited',
    );
  });
});
