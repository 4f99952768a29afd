import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { parseConfig } from '../../plugin/config/parse';
import { decide } from '../../plugin/decision/decide';
import type { Admit, Reject } from '../../plugin/decision/verdict';
import { configuredKeys } from '../../plugin/keys/key-source';
import { RefusedUpgrades } from '../../plugin/decision/refused-upgrades';
import { MemoryLimits } from '../../plugin/store/memory-limits';
import { SCHEMA } from '../../plugin/schema';
import { unremembered } from '../../plugin/token/cache';
import { verifyToken } from '../../plugin/token/verify';
import { goodClaims, NOW, rawConfig, signToken, TOKEN_SECRET, upgradeHeaders } from '../plugin/fixture';

const ROOT = join(__dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/tokens.md'), 'utf8');
const SAMPLES = [...PAGE.matchAll(/```json\n(.*?)```/gs)].map(
  ([, json = '']) => JSON.parse(json) as Record<string, unknown>,
);

/** The cells of the rows behind a heading, without the table's head. */
function rows(heading: string): string[][] {
  const section = PAGE.slice(PAGE.indexOf(`## ${heading}`) + 3);
  const lines = section.slice(0, (section + '\n## ').indexOf('\n## ')).split('\n');
  return lines
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, -1),
    );
}

async function verdict(
  headers: Record<string, string[]>,
  changes: Record<string, unknown>,
  revoked = false,
): Promise<Admit | Reject> {
  const { config, keys } = await parseConfig(rawConfig({ rate_limits: [], ...changes }));
  const store = { ask: () => Promise.resolve({ admitted: true, states: [], revoked }) };
  const context = {
    verifier: unremembered({
      verify: (token: string, now: number) =>
        verifyToken(token, config.token, [configuredKeys(keys.token)], now),
    }),
    refused: new RefusedUpgrades(() => 0),
    messages: new MemoryLimits(() => 0, 2),
    assertionKey: keys.assertion,
    store,
    fallbackStore: store,
    newId: () => 'id',
    random: () => 0.5,
  };
  const request = { headers, upstreamPath: '/ws/notifications' };
  return decide(request, config, context, NOW, () => Promise.resolve(undefined));
}

/** kong.yml's plugin, with the secrets of the test. */
function kongYml(): Record<string, unknown> {
  const { services } = parse(readFileSync(join(ROOT, 'kong.yml'), 'utf8')) as {
    services: { plugins: { config: Record<string, unknown> }[] }[];
  };
  const test = new Set(['secret', 'assertion_secret', 'redis', 'rate_limits']);
  const config = Object.entries(services[0]?.plugins[0]?.config ?? {}).filter(([name]) => !test.has(name));
  return Object.fromEntries(config);
}

const bearer = (token: string) => upgradeHeaders(token);
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** An issuer's key with a `kid`, which a token with another does not name. */
const ecKeys = () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return [{ kid: 'k1', key: publicKey.export({ type: 'spki', format: 'pem' }) }];
};
const claims = async (changes: Record<string, unknown>) => bearer(await signToken(changes));

/** A refusal's cause, by its message: the request, the configuration, and whether Redis has the token's jti. */
const CAUSES: Record<string, () => Parameters<typeof verdict> | Promise<Parameters<typeof verdict>>> = {
  'No bearer token was presented': () => [upgradeHeaders(), {}],
  'More than one token was presented': () => [
    { ...upgradeHeaders(), authorization: ['Bearer a.b.c', 'Bearer d.e.f'] },
    {},
  ],
  'The token is not a JWT in compact serialization': () => [bearer('mk_live_a1b2'), {}],
  'The token is longer than 8192 bytes': () => [bearer(`${'a'.repeat(8192)}.b.c`), {}],
  "The token's header is not JSON": () => [bearer('YWJj.e30.YWJj'), {}],
  "The token's algorithm is not allowed": async () => [
    bearer(await signToken({}, TOKEN_SECRET, { alg: 'HS512' })),
    {},
  ],
  'No key is known for the token': () => [
    bearer(`${base64url({ alg: 'ES256', kid: 'k2' })}.e30.YWJj`),
    { algorithms: ['HS256', 'ES256'], public_keys: ecKeys() },
  ],
  "The token's signature does not verify": async () => [
    bearer(await signToken({}, 'another secret of thirty-two bytes!!')),
    {},
  ],
  "The token's issuer is not accepted": async () => [await claims({ iss: 'staging' }), {}],
  'The token names no issuer': async () => [await claims({ iss: undefined }), {}],
  "The token's audience is not accepted": async () => [await claims({ aud: ['reports'] }), {}],
  'The token names no audience': async () => [await claims({ aud: undefined }), {}],
  "The token's type is not accepted": async () => [await claims({ type: 'refresh' }), {}],
  'The token names no type': async () => [await claims({ type: undefined }), {}],
  'The token has expired': async () => [await claims({ exp: NOW - 60 }), {}],
  'The token is not valid yet': async () => [await claims({ nbf: NOW + 60 }), {}],
  'The token was issued in the future': async () => [await claims({ iat: NOW + 60 }), {}],
  'The token\'s "exp" is missing or not of its type': async () => [await claims({ exp: '1800000900' }), {}],
  'The token\'s "exp" is more than 600 seconds ahead': async () => [
    await claims({}),
    { maximum_expiration: 600 },
  ],
  'The token has no "jti"': async () => [await claims({ jti: undefined }), { required_claims: ['jti'] }],
  'The token\'s "jti" is not a string': async () => [await claims({ jti: 7 }), {}],
  'The token names no user': async () => [await claims({ sub: undefined }), {}],
  "The token's roles are not an array of strings": async () => [await claims({ roles: 'admin' }), {}],
  "The token's identity is not accepted: user begins or ends with white space": async () => [
    await claims({ sub: ' u1' }),
    {},
  ],
  'The token was revoked': async () => [await claims({}), {}, true],
  'The token names no tenant': async () => [await claims({ tenant_id: undefined }), {}],
  'The token names no consumer': async () => [
    await claims({}),
    { consumer_by: 'claim', consumer_claim: ['client_id'] },
  ],
  'No consumer is known for the token': async () => [
    await claims({}),
    { consumer_by: 'tenant', consumer_lookup: true },
  ],
  'A token in a cookie needs an allowed Origin': async () => [
    { ...upgradeHeaders(), cookie: [`session=${await signToken(goodClaims)}`] },
    { cookie_names: ['session'] },
  ],
  'The Origin is not allowed': () => [
    { ...upgradeHeaders(), origin: ['https://evil.example'] },
    { allowed_origins: ['https://app.example'] },
  ],
  'An Origin is required': () => [
    upgradeHeaders(),
    { allowed_origins: ['https://app.example'], allow_absent_origin: false },
  ],
};

describe('docs/tokens.md', () => {
  it.each(SAMPLES.map((sample, index) => [index, sample] as const))(
    'has a sample %i that kong.yml admits, the first by the defaults alone too',
    async (index, sample) => {
      const absent = Object.fromEntries(Object.keys(goodClaims).map((name) => [name, undefined]));
      const headers = await claims({ ...absent, ...sample });
      expect(await verdict(headers, kongYml())).toMatchObject({ outcome: 'admitted' });
      expect((await verdict(headers, {})).outcome === 'admitted').toBe(index === 0);
    },
  );

  it('has as many samples as it says', () => {
    expect(SAMPLES).toHaveLength(3);
  });

  it.each(rows('Refusals'))(
    'has a refusal %s %s %s that is given',
    async (status, outcome = '', message = '') => {
      const cause = CAUSES[message];
      if (cause === undefined) throw new Error(`nothing here is refused with: ${message}`);
      const refused = await verdict(...(await cause()));
      expect(refused).toMatchObject({
        status: Number(status),
        outcome: outcome.replaceAll('`', ''),
        message,
      });
    },
  );

  it('has a row for each refusal that is tried here', () => {
    expect(rows('Refusals').map(([, , message]) => message)).toEqual(Object.keys(CAUSES));
  });

  it('has every field of the schema that a token is found or judged by, and no other', () => {
    const text = [...rows('Where it may be'), ...rows('Its claims')].flat().join(' ');
    const named = [...text.matchAll(/`([a-z]+(?:_[a-z]+)+|issuers|audiences)`/g)].map(([, name]) => name);
    const fields = new Set(SCHEMA.flatMap((field) => Object.keys(field)));
    expect(named.filter((name) => !fields.has(name ?? ''))).toEqual([]);
    const judging = [...fields].filter((name) =>
      /_claims?$|_claim_|^(?:issuers|audiences|token_types)$/.test(name),
    );
    expect(judging.filter((name) => !named.includes(name))).toEqual([]);
  });
});
