import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TenantPrefixes } from '../../../plugin/config/config';
import { parseConfig } from '../../../plugin/config/parse';
import { decide, type DecisionContext } from '../../../plugin/decision/decide';
import type { Admit } from '../../../plugin/decision/verdict';
import { configuredKeys } from '../../../plugin/keys/key-source';
import { RefusedUpgrades } from '../../../plugin/decision/refused-upgrades';
import { MemoryLimits } from '../../../plugin/store/memory-limits';
import type { StoreQuery } from '../../../plugin/store/store';
import { unremembered } from '../../../plugin/token/cache';
import { tenantName } from '../../../plugin/token/tenant-name';
import { verifyToken } from '../../../plugin/token/verify';
import { NOW, rawConfig, signToken, upgradeHeaders } from '../fixture';
import { ConfigError } from '../../../plugin/schema/config-error';

const TWO = { issuers: ['a', 'b'], tenant_prefixes: { a: 'a~', b: 'b~' } };

async function prefixesOf(changes: Record<string, unknown>): Promise<TenantPrefixes | string> {
  try {
    return (await parseConfig(rawConfig(changes))).config.token.tenantPrefixes;
  } catch (cause) {
    if (cause instanceof ConfigError) return cause.message;
    throw cause;
  }
}

/** The outcome of a token with these claims: the verdict, and what Redis was asked. */
async function upgradeOf(claims: Record<string, unknown>, changes: Record<string, unknown>) {
  const { config, keys } = await parseConfig(rawConfig(changes));
  const asked: StoreQuery[] = [];
  const store = {
    ask(query: StoreQuery) {
      asked.push(query);
      return Promise.resolve({ admitted: true, states: [], revoked: false });
    },
  };
  const context: DecisionContext = {
    verifier: unremembered({
      verify: (token, now) => verifyToken(token, config.token, [configuredKeys(keys.token)], now),
    }),
    assertionKey: keys.assertion,
    store,
    fallbackStore: store,
    refused: new RefusedUpgrades(() => 0),
    messages: new MemoryLimits(() => 0, 2),
    newId: () => 'id',
    random: () => 0.5,
  };
  const request = { headers: upgradeHeaders(await signToken(claims)), upstreamPath: '/ws/notifications' };
  const verdict = await decide(request, config, context, NOW);
  return { verdict, asked };
}

const tenantOf = async (claims: Record<string, unknown>, changes: Record<string, unknown>) => {
  const { verdict } = await upgradeOf(claims, changes);
  return verdict.outcome === 'admitted' ? verdict.identity.tenantId : verdict.outcome;
};

describe("a tenant's name", () => {
  it('is the claim, and behind tenant_prefix where there is one', async () => {
    expect(await tenantOf({}, {})).toBe('acme');
    expect(await tenantOf({}, { tenant_prefix: 'b~' })).toBe('b~acme');
    expect(await tenantOf({ tenant_id: 7 }, { tenant_prefix: 'b:' })).toBe('b:7');
  });

  it("has its issuer's prefix, so that two issuers' tenants of one name are two", async () => {
    expect(await tenantOf({ iss: 'a' }, TWO)).toBe('a~acme');
    expect(await tenantOf({ iss: 'b' }, TWO)).toBe('b~acme');
    expect(await tenantOf({ iss: 'c' }, TWO)).toBe('wrong_issuer');
  });

  it('is the same for issuers that share their tenants, and for a token without one where it may lack it', async () => {
    const shared = {
      issuers: ['a', 'b'],
      tenant_prefixes: { a: 'x~', b: 'x~' },
      optional_claims: ['iss'],
    };
    for (const iss of ['a', 'b', undefined]) expect(await tenantOf({ iss }, shared)).toBe('x~acme');
  });

  it('is in the header, the assertion’s identity, the limits and the key of its tier', async () => {
    const { verdict, asked } = await upgradeOf({}, { tenant_prefix: 'b~', tier_key: 'tier:{tenant}' });
    expect((verdict as Admit).upstreamHeaders['X-Tenant-ID']).toBe('b~acme');
    expect(asked[0]?.tierKey).toBe('tier:b~acme');
    expect(asked[0]?.limits.map(({ key }) => key)).toEqual([expect.stringContaining('{b~acme}')]);
    expect(asked[0]?.revocationKey).toBe('blacklist:token-1');
  });

  it('is no longer than 256 bytes with its prefix, and no prefix makes a bad claim good', async () => {
    const config = { tenant_prefix: 'b~' };
    expect(await tenantOf({ tenant_id: 'x'.repeat(254) }, config)).toHaveLength(256);
    for (const tenant of ['x'.repeat(255), ' acme', 'ac\nme']) {
      expect(await tenantOf({ tenant_id: tenant }, config)).toBe('bad_claim');
    }
    for (const tenant of ['', null, undefined]) {
      expect(await tenantOf({ tenant_id: tenant }, config)).toBe('no_tenant');
    }
  });

  it('of a token whose issuer has no prefix is refused, whatever let it come so far', () => {
    const prefixes = { byIssuer: new Map([['a', 'a~']]), others: undefined };
    for (const issuer of ['b', undefined, null, 7, ['a'], '__proto__']) {
      expect(() => tenantName('acme', issuer, prefixes)).toThrow('issuer is not accepted');
    }
  });

  it('is never that of another prefix, whatever the prefixes that are taken and the tenants are', async () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '~', ':'), maxLength: 3 });
    const two = fc.tuple(part, part);
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(two, fc.array(two), async ([a, b], tenants) => {
        const prefixes = await prefixesOf({ issuers: ['a', 'b'], tenant_prefixes: { a, b } });
        if (typeof prefixes === 'string') return;
        taken += 1;
        for (const [one, other] of tenants) {
          const isSame = tenantName(one, 'a', prefixes) === tenantName(other, 'b', prefixes);
          expect(isSame).toBe(a === b && one === other);
        }
      }),
      { numRuns: 300 },
    );
    expect(taken).toBeGreaterThan(20);
  });
});

describe('two issuers in one configuration', () => {
  it('are refused where nothing says whether they share their tenants', async () => {
    expect(await prefixesOf({ issuers: ['a', 'b'] })).toMatch(
      'config.tenant_prefixes: expected a prefix for each',
    );
    expect(await prefixesOf({ issuers: ['a', 'b'], tenant_prefix: 'x' })).toMatch('config.tenant_prefixes');
    expect(await prefixesOf({ issuers: ['a', 'b'], tenant_prefixes: { a: '', b: '' } })).toMatchObject({
      others: '',
    });
  });

  it.each([
    [{ issuers: ['a', 'b', 'c'], tenant_prefixes: { a: 'a~', b: 'b~' } }, '"c" has none'],
    [{ issuers: ['a', 'b'], tenant_prefixes: { a: 'a~', b: 'b~', c: 'c~' } }, 'got "c"'],
    [{ issuers: ['a', 'b'], tenant_prefixes: { a: 'x', b: 'xy' } }, 'got "x" and "xy"'],
    [{ issuers: ['a', 'b'], tenant_prefixes: { a: '', b: 'b~' } }, 'got "" and "b~"'],
    [{ ...TWO, optional_claims: ['iss'] }, 'config.optional_claims: expected no iss'],
    [{ ...TWO, tenant_prefix: 'x' }, 'config.tenant_prefix: expected this or config.tenant_prefixes'],
    [{ tenant_prefix: 'a b' }, 'config.tenant_prefix: expected visible ASCII, got "a b"'],
    [{ tenant_prefix: 'x'.repeat(65) }, 'config.tenant_prefix'],
  ])('are refused with %j', async (changes, reason) => {
    expect(await prefixesOf(changes)).toMatch(reason);
  });

  it('with an empty list of issuers are no two: any issuer’s tenants are the same', async () => {
    expect(await prefixesOf({ issuers: [] })).toMatchObject({ others: '' });
  });
});
