import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseConfig } from '../../../plugin/config/parse';
import { decide, type DecisionContext } from '../../../plugin/decision/decide';
import type { Admit, Reject } from '../../../plugin/decision/verdict';
import { configuredKeys } from '../../../plugin/keys/key-source';
import { RefusedUpgrades } from '../../../plugin/decision/refused-upgrades';
import { MemoryLimits } from '../../../plugin/store/memory-limits';
import { memoryStore } from '../../../plugin/store/memory-store';
import type { StoreQuery } from '../../../plugin/store/store';
import { cachingVerifier } from '../../../plugin/token/cache';
import { verifyToken } from '../../../plugin/token/verify';
import { NOW, rawConfig, signToken, upgradeHeaders } from '../fixture';

const SECOND_US = 1_000_000;
const ADDRESS = '192.0.2.1';
const LIMIT = { by: 'ip', limit: 5, window_size: 60, burst: 0, paths: [], tiers: {} };

let nowUs = 0;
let verified: string[] = [];
let asked: StoreQuery[] = [];
beforeEach(() => {
  nowUs = 7 * SECOND_US;
  verified = [];
  asked = [];
});

interface Attempt {
  readonly ip?: string;
  readonly path?: string;
  readonly headers?: Record<string, string[]>;
}

/** A gatekeeper's decisions by this configuration, with its memory. */
async function gate(changes: Record<string, unknown> = {}, revoked: ReadonlySet<string> = new Set()) {
  const { config, keys } = await parseConfig(rawConfig({ rate_limits: [LIMIT], ...changes }));
  const limits = memoryStore(() => nowUs);
  const verifier = {
    verify(token: string, now: number) {
      verified.push(token);
      return verifyToken(token, config.token, [configuredKeys(keys.token)], now);
    },
  };
  const refused = new RefusedUpgrades(() => nowUs);
  const context: DecisionContext = {
    verifier: cachingVerifier(verifier, config.tokenCacheSize, 5),
    assertionKey: keys.assertion,
    store: {
      async ask(query) {
        asked.push(query);
        return { ...(await limits.ask(query)), revoked: revoked.has(query.revocationKey ?? '') };
      },
    },
    fallbackStore: limits,
    messages: new MemoryLimits(() => 0, 2),
    refused,
    newId: () => 'id',
    random: () => 0.5,
  };
  const attempt = (token?: string, { ip = ADDRESS, path, headers = {} }: Attempt = {}) =>
    decide(
      {
        ...{ headers: { ...upgradeHeaders(token), ...headers }, ip, upstreamPath: path ?? '/' },
        ...(path !== undefined && { path }),
      },
      config,
      context,
      NOW,
    );
  return { attempt, refused };
}

type Gate = Awaited<ReturnType<typeof gate>>;

const good = (jti: string) => signToken({ jti });
const bad = (i = 0) => signToken({ jti: `bad-${i}` }, `another secret of over 32 bytes, number ${i}`);
const outcomes = (verdicts: readonly (Admit | Reject)[]) => verdicts.map(({ outcome }) => outcome);

async function floodOf(count: number, { attempt }: Gate, from: Attempt = {}) {
  const verdicts = [];
  for (let i = 0; i < count; i += 1) verdicts.push(await attempt(await bad(i), from));
  return verdicts;
}

describe('refused upgrades of one address', () => {
  it('are answered with 429 once they are over a limit by ip, as many as it says being refused for what they are', async () => {
    const verdicts = await floodOf(300, await gate({ rate_limits: [{ ...LIMIT, burst: 4 }] }));
    expect(outcomes(verdicts.slice(0, 5))).toEqual(Array(5).fill('bad_signature'));
    expect(outcomes(verdicts.slice(5))).toEqual(Array(295).fill('too_many_refused'));
    expect(verdicts[5]).toMatchObject({
      status: 429,
      responseHeaders: { 'Retry-After': '12', 'RateLimit-Limit': '5', 'RateLimit-Remaining': '0' },
      address: ADDRESS,
      refusedFor: 'bad_signature',
      limit: { by: 'ip', paths: [], limit: 5 },
    });
    expect(verdicts[5]?.responseHeaders).not.toHaveProperty('WWW-Authenticate');
  });

  it.each<[string, () => Promise<[string | undefined, Attempt]>]>([
    ['no token', () => Promise.resolve([undefined, {}])],
    ['what is no token', () => Promise.resolve(['a.b', {}])],
    [
      'two tokens',
      () => Promise.resolve(['a.b.c', { headers: { authorization: ['Bearer a.b.c', 'Bearer d.e.f'] } }]),
    ],
    ['an expired token', async () => [await signToken({ exp: NOW - 60 }), {}]],
    ['another issuer’s token', async () => [await signToken({ iss: 'x' }), {}]],
    ['a token without a tenant', async () => [await signToken({ tenant_id: undefined }), {}]],
    [
      'an Origin that is not allowed',
      async () => [await good('t'), { headers: { origin: ['https://evil.example'] } }],
    ],
  ])('count with %s', async (_, made) => {
    const { attempt } = await gate({ allowed_origins: ['https://app.example.com'] });
    const [token, from] = await made();
    const [first, second] = [await attempt(token, from), await attempt(token, from)];
    expect([401, 403]).toContain((first as Reject).status);
    expect(second).toMatchObject({ outcome: 'too_many_refused', refusedFor: first.outcome });
  });

  it('do not count when the client did not cause them: no upgrade, a limit, Redis away', async () => {
    const { attempt } = await gate({
      rate_limits: [
        { ...LIMIT, counts: 'refused' },
        { ...LIMIT, by: 'tenant' },
      ],
    });
    for (let i = 0; i < 10; i += 1) {
      expect((await attempt(await good('a'), { headers: { upgrade: [] } })).outcome).toBe('not_an_upgrade');
    }
    const verdicts = [];
    for (let i = 0; i < 10; i += 1) verdicts.push(await attempt(await good('a')));
    expect(outcomes(verdicts)).toEqual(['admitted', ...Array<string>(9).fill('rate_limited')]);
    expect((await attempt(await bad())).outcome).toBe('bad_signature');
  });

  it('count no longer than the limit remembers, by a clock that is never set', async () => {
    const { attempt } = await gate();
    expect(outcomes([await attempt(await bad()), await attempt(await bad())])).toEqual([
      'bad_signature',
      'too_many_refused',
    ]);
    nowUs += 12 * SECOND_US;
    expect((await attempt(await bad())).outcome).toBe('bad_signature');
  });

  it('do not count against another address, and a network is one', async () => {
    const { attempt } = await gate();
    const from = async (ip: string) => (await attempt(await bad(), { ip })).outcome;
    expect(await from('2001:db8:1:2::1')).toBe('bad_signature');
    expect(await from('2001:db8:1:2:ffff::9')).toBe('too_many_refused');
    expect(await from('2001:db8:1:3::1')).toBe('bad_signature');
    expect(await from('192.0.2.9')).toBe('bad_signature');
    expect(await from('::ffff:192.0.2.9')).toBe('too_many_refused');
  });

  it('count on the paths of the limit alone', async () => {
    const { attempt } = await gate({ rate_limits: [{ ...LIMIT, paths: ['/ws/ai'] }] });
    const on = async (path: string) => (await attempt(await bad(), { path })).outcome;
    expect([await on('/ws/ai/chat'), await on('/ws/ai/chat')]).toEqual(['bad_signature', 'too_many_refused']);
    expect([await on('/ws/x'), await on('/ws/x')]).toEqual(['bad_signature', 'bad_signature']);
  });

  it('are not counted without a limit by ip', async () => {
    const running = await gate({ rate_limits: [{ ...LIMIT, by: 'tenant' }] });
    expect(new Set(outcomes(await floodOf(50, running)))).toEqual(new Set(['bad_signature']));
    expect(running.refused.size).toBe(0);
  });

  it('never keep more states than the most, whatever addresses they come from', () => {
    const refused = new RefusedUpgrades(() => nowUs, 100);
    fc.assert(
      fc.property(fc.array(fc.ipV4(), { maxLength: 300 }), (addresses) => {
        for (const ip of addresses) {
          const limit = { key: ip, slot: ip, rate: { limit: 1, windowSeconds: 60, burst: 0 } };
          const client = refused.of([limit], 10);
          client.count();
          client.mayVerify();
        }
        return refused.size <= 100;
      }),
    );
  });
});

describe('of an address that is over', () => {
  const counted = { rate_limits: [{ ...LIMIT, counts: 'refused' }] };

  it('a token that was good before gets in, and is not charged for its neighbours', async () => {
    const running = await gate(counted);
    const token = await good('known');
    expect((await running.attempt(token)).outcome).toBe('admitted');
    await floodOf(500, running);
    for (let i = 0; i < 20; i += 1) expect((await running.attempt(token)).outcome).toBe('admitted');
  });

  it('a good token that is new gets in while further ones may be verified', async () => {
    const running = await gate({ ...counted, over_limit_verifications: 100 });
    await floodOf(50, running);
    expect((await running.attempt(await good('new'))).outcome).toBe('admitted');
  });

  it('no more unknown tokens a second are verified than over_limit_verifications, and Redis is not asked', async () => {
    const running = await gate({ ...counted, over_limit_verifications: 10 });
    const verdicts = await floodOf(300, running);
    // One before it was over, then the burst.
    expect(verified).toHaveLength(1 + 11);
    expect(asked).toEqual([]);
    expect(verdicts.at(-1)).not.toHaveProperty('refusedFor');
    const unverified = await running.attempt(await good('new'));
    expect(unverified).toMatchObject({ outcome: 'too_many_refused', status: 429 });
    nowUs += SECOND_US / 10;
    expect((await running.attempt(await good('new'))).outcome).toBe('admitted');
  });

  it('another address that is over as well has verifications of its own', async () => {
    const running = await gate({ ...counted, over_limit_verifications: 10 });
    const [one, other] = [{ ip: ADDRESS }, { ip: '192.0.2.2' }];
    await floodOf(1, running, other);
    await floodOf(300, running, one);
    expect((await running.attempt(await good('new'), one)).outcome).toBe('too_many_refused');
    expect((await running.attempt(await good('new'), other)).outcome).toBe('admitted');
  });

  it('no unknown token is verified where over_limit_verifications is 0', async () => {
    const running = await gate({ ...counted, over_limit_verifications: 0 });
    await floodOf(10, running);
    expect(verified).toHaveLength(1);
    expect((await running.attempt(await good('new'))).outcome).toBe('too_many_refused');
    nowUs += 12 * SECOND_US;
    expect((await running.attempt(await good('new'))).outcome).toBe('admitted');
  });

  it('a token that turned out to be revoked is unknown again, so that Redis is asked no oftener', async () => {
    const revoked = new Set<string>();
    const running = await gate({ ...counted, over_limit_verifications: 0 }, revoked);
    const token = await good('r');
    expect((await running.attempt(token)).outcome).toBe('admitted');
    revoked.add('blacklist:r');
    const verdicts = [];
    for (let i = 0; i < 20; i += 1) verdicts.push(await running.attempt(token));
    expect(outcomes(verdicts)).toEqual(['revoked', ...Array<string>(19).fill('too_many_refused')]);
    expect(asked).toHaveLength(2);
  });

  it('refusals are counted by themselves: what a limit leaves to good tokens is not less', async () => {
    const running = await gate({ rate_limits: [{ ...LIMIT, burst: 2 }] });
    await floodOf(50, running);
    const verdicts = [];
    for (let i = 0; i < 5; i += 1) verdicts.push(await running.attempt(await good(`g${i}`)));
    expect(outcomes(verdicts)).toEqual([
      ...Array<string>(3).fill('admitted'),
      'rate_limited',
      'rate_limited',
    ]);
  });
});
