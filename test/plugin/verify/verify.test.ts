import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { withDefaults as kongsDefaults } from '../../../kong-stand-in/plugin-config/defaults';
import { parseDump } from '../../../kong-stand-in/plugin-config/plugin-dump';
import { SCHEMA } from '../../../plugin/schema';
import { withDefaults } from '../../../plugin/schema/defaults';
import { pluginInfo } from '../../../plugin/server/plugin-info';
import { report } from '../../../plugin/verify/report';
import { verify, type Verification, type VerifyRequest } from '../../../plugin/verify/verify';
import { ASSERTION_SECRET, NOW, signToken, TOKEN_SECRET } from '../fixture';

const KONG_YML = join(__dirname, '../../../kong.yml');
const ENV = { JWT_SECRET: TOKEN_SECRET, ASSERTION_SECRET, REDIS_URL: 'redis://127.0.0.1:1' };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'verify-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function reportOf(changes: Partial<VerifyRequest> = {}): Promise<string> {
  const request = {
    token: await signToken(),
    configFile: KONG_YML,
    pluginName: 'ws-gatekeeper',
    path: '/ws/ai/chat',
    origin: undefined,
    env: ENV,
    now: NOW,
    log: pino({ level: 'silent' }),
    ...changes,
  };
  return report(await verify(request));
}

function fileWith(text: string): string {
  const file = join(folder, 'kong.yml');
  writeFileSync(file, text);
  return file;
}

describe('ws-gatekeeper verify', () => {
  it('takes a reference for text where Kong does, in a field that may have none', async () => {
    const configFile = fileWith(`
_format_version: '3.0'
services:
  - name: bridge
    url: http://bridge:8080
    routes:
      - name: chat
        paths: [/ws/ai/chat]
        plugins:
          - name: ws-gatekeeper
            config:
              secret: '{vault://env/jwt-secret}'
              secrets: [{ kid: k, secret: '{vault://env/jwt-secret}' }]
              issuers: ['{vault://env/issuer}']
              assertion_secret: '{vault://env/assertion-secret}'
              authorization_service: { headers: { Authorization: '{vault://env/jwt-secret}' } }
`);
    expect(await reportOf({ configFile, env: { ...ENV, ISSUER: 'matih-platform' } })).toMatch(
      /^refused: 401 wrong_issuer/,
    );
  });

  it('shows what a terminal would obey in what the token says', () => {
    const identity = { tenantId: 'a\u009b2J', userId: 'u\u202e', roles: ['r\u007f'] };
    const verdict = { outcome: 'admitted', identity } as unknown as Verification['verdict'];
    const text = report({
      route: 'x\u001b',
      verdict,
      authorizing: undefined,
      tier: 't\u2028',
      limits: [],
      asksRedis: false,
      asksTier: false,
      redisPrefix: '',
      revocationPrefix: undefined,
      unscopedDatabase: undefined,
      asksConsumer: false,
    });
    expect(text.split('\n')).toEqual([
      'admitted',
      String.raw`route: x\u001b`,
      String.raw`tenant: "a\u009b2J"`,
      String.raw`user: "u\u202e"`,
      String.raw`roles: "r\u007f"`,
      String.raw`tier: "t\u2028"`,
    ]);
  });

  it('says whom an admitted token names, on which route, and what was not asked', async () => {
    expect(await reportOf()).toBe(
      [
        'admitted',
        'route: ai-chat',
        'tenant: "acme"',
        'user: "u1"',
        'roles: "analyst", "admin"',
        'tier: none',
        'authorization: no rules; authorization_default: allow, for every path',
        'limit: 60 upgrades in 60 s and 10 ahead, by tenant, 4 of a page within 10 s as one',
        'limit: 30 upgrades in 60 s and 30 ahead, by tenant on /ws/ai/chat',
        'not asked: Redis (revocation, rate limits)',
      ].join('\n'),
    );
  });

  it('says what the keys in Redis begin with, and what a database without a prefix does not separate', async () => {
    const last = async (prefix: string) => {
      const text = (await readFile(KONG_YML, 'utf8')).replace(
        /^( +)url: .*redis-url.*$/m,
        `$1database: 2\n$1prefix: '${prefix}'`,
      );
      return (await reportOf({ configFile: fileWith(text) })).split('\n').slice(9);
    };
    expect(await last('staging:')).toEqual([
      'not asked: Redis (revocation, rate limits), where every key begins with "staging:"',
    ]);
    expect(await last('')).toEqual([
      'not asked: Redis (revocation, rate limits)',
      expect.stringMatching(/^database 2: .*does not separate Pub\/Sub/),
    ]);
  });

  it('says where it would ask for revoked tokens when they have a Redis of their own', async () => {
    const text = (await readFile(KONG_YML, 'utf8')).replace(
      /^( +)redis:$/m,
      (redis, indent: string) =>
        `${indent}revocation:\n${indent}  redis:\n${indent}    url: redis://tokens\n${indent}    prefix: 'own:'\n${redis}`,
    );
    expect((await reportOf({ configFile: fileWith(text) })).split('\n').slice(9)).toEqual([
      'not asked: Redis (rate limits)',
      'not asked: revocation.redis (revocation), where every key begins with "own:"',
    ]);
  });

  it.each([
    ['another key', { token: () => signToken({}, 'x'.repeat(40)) }, '401 bad_signature'],
    ['an end that has passed', { token: () => signToken({ exp: NOW - 60 }) }, '401 expired'],
    ['another audience', { token: () => signToken({ aud: 'another' }) }, '401 wrong_audience'],
    ['another type', { token: () => signToken({ type: 'refresh' }) }, '401 wrong_type'],
    ['no tenant', { token: () => signToken({ tenant_id: undefined }) }, '403 no_tenant'],
  ])('refuses a token with %s, and shows no part of it', async (_, { token }, refusal) => {
    const bearer = await token();
    const text = await reportOf({ token: bearer });
    expect(text).toMatch(new RegExp(`^refused: ${refusal}: .+\\nroute: ai-chat$`));
    for (const part of bearer.split('.')) expect(text).not.toContain(part);
  });

  it('says what each rule of authorization says, and how the client may come in', async () => {
    const file = fileWith(`
      services:
        - routes:
            - name: all
              paths: [/ws/]
              plugins:
                - name: ws-gatekeeper
                  config:
                    secret: '{vault://env/jwt-secret}'
                    assertion_secret: '{vault://env/assertion-secret}'
                    authorization:
                      - { paths: ['/ws/docs/{id}'], claim: [docs], values: ['{id}'], otherwise: next }
                      - { paths: ['/ws/docs/{id}', '/ws/x'], roles: [viewer], access: read }
                      - { paths: ['/ws/rar/{id}'], details: { type: doc, locations: ['{id}'], read_actions: [view] } }
                      - { paths: ['/ws/asked/{id}'], roles: [analyst], url: 'http://opa:8181/d', access: read }`);
    const about = async (path: string, claims: Record<string, unknown>) =>
      (await reportOf({ configFile: file, path, token: await signToken(claims) }))
        .split('\n')
        .filter((line) => /^(?:refused|admitted|authorization|access)/.test(line));
    expect(await about('/ws/docs/7', { docs: ['7'] })).toEqual([
      'admitted',
      'authorization[0], /ws/docs/{id}: holds',
      'access: write',
    ]);
    expect(await about('/ws/docs/7', { docs: ['8'], roles: ['viewer'] })).toEqual([
      'admitted',
      'authorization[0], /ws/docs/{id}: the claim has none of the values',
      'authorization[1], /ws/docs/{id}: holds',
      'access: read',
    ]);
    expect(await about('/ws/docs/7', {})).toEqual([
      'refused: 403 not_authorized: The token may not open this path',
      'authorization[0], /ws/docs/{id}: the claim has none of the values',
      'authorization[1], /ws/docs/{id}: the token has none of the roles',
    ]);
    expect(await about('/ws/docs/%FF', {})).toContain(
      'authorization[1], /ws/docs/{id}: a parameter is empty, too long or not percent-encoded UTF-8',
    );
    const authorization_details = [{ type: 'doc', locations: ['7'], actions: ['view'] }];
    expect(await about('/ws/rar/7', { authorization_details })).toEqual([
      'admitted',
      'authorization[2], /ws/rar/{id}: holds',
      'access: read',
    ]);
    expect(await about('/ws/rar/8', { authorization_details })).toContain(
      'authorization[2], /ws/rar/{id}: no element of authorization_details has the type, a location and an action',
    );
    expect(await about('/ws/asked/7', { roles: ['analyst'] })).toEqual([
      'admitted',
      'authorization[3], /ws/asked/{id}: holds where http://opa:8181/d allows, which was not asked',
      'access: read',
    ]);
    expect(await about('/ws/asked/7', { roles: [] })).toContain(
      'authorization[3], /ws/asked/{id}: the token has none of the roles',
    );
    expect(await about('/ws/other', {})).toEqual([
      'admitted',
      'authorization: none of 4 rules fits; authorization_default: allow',
      'access: write',
    ]);
  });

  it('says which limits by address count a refusal, which are other ones than those of an admission', async () => {
    const file = fileWith(`
      services:
        - routes:
            - name: chat
              paths: [/ws/]
              plugins:
                - name: ws-gatekeeper
                  config:
                    secret: '{vault://env/jwt-secret}'
                    assertion_secret: '{vault://env/assertion-secret}'
                    rate_limits:
                      - { by: tenant, limit: 9 }
                      - { by: ip, limit: 5, counts: refused }
                      - { by: ip, limit: 7, paths: [/ws/ai/] }
                      - { by: ip, limit: 8, paths: [/elsewhere/] }`);
    const limitsOf = async (token: string) =>
      (await reportOf({ configFile: file, token })).split('\n').filter((line) => line.startsWith('limit'));
    expect(await limitsOf(await signToken({ exp: NOW - 60 }))).toEqual([
      'limit on refused upgrades: 5 upgrades in 60 s and 0 ahead, by ip',
      'limit on refused upgrades: 7 upgrades in 60 s and 0 ahead, by ip on /ws/ai/',
    ]);
    expect(await limitsOf(await signToken())).toEqual([
      'limit: 9 upgrades in 60 s and 0 ahead, by tenant',
      'limit: 7 upgrades in 60 s and 0 ahead, by ip on /ws/ai/',
    ]);
  });

  it("takes the route's configuration before the service's, and looks at the Origin", async () => {
    const file = fileWith(`
      services:
        - name: bridge
          plugins: [{ name: ws-gatekeeper, config: { secret: '{vault://env/jwt-secret}', issuers: [nobody] } }]
          routes:
            - name: prefix
              paths: [/ws/]
            - name: chat
              paths: ['~/ws/ai/chat$']
              plugins:
                - name: ws-gatekeeper
                  config:
                    secret: '{vault://env/jwt-secret}'
                    assertion_secret: '{vault://env/assertion-secret}'
                    algorithms: [HS256]
                    allowed_origins: [https://app.example]`);
    const settings = { configFile: file, path: '/ws/ai/chat' };
    expect(await reportOf({ ...settings, origin: 'https://app.example' })).toMatch(/^admitted\nroute: chat/);
    expect(await reportOf({ ...settings, origin: 'https://evil.example' })).toBe(
      'refused: 403 origin_not_allowed: The Origin is not allowed\nroute: chat',
    );
  });

  it('passes over what is not enabled, and over what stands at the top for another route, service or consumer', async () => {
    const config = (realm: string) =>
      `config: { realm: ${realm}, secret: '{vault://env/jwt-secret}', assertion_secret: short }`;
    const entry = (owner: string, realm = 'x') => `{ name: ws-gatekeeper, ${owner} ${config(realm)} }`;
    const file = (route: string, top: string) =>
      fileWith(`
      services:
        - name: bridge
          routes: [{ name: chat, paths: [/ws], plugins: [${route}] }, { name: other, paths: [/other] }]
      plugins: [${top}]`);
    const others = [
      entry('route: other,', 'ä'),
      entry('service: { name: other },', 'ä'),
      entry('consumer: c,', 'ä'),
    ];
    const none = 'expected plugin ws-gatekeeper on route chat';
    const disabled = entry('enabled: false,', 'ä');
    await expect(reportOf({ configFile: file(disabled, others.join()) })).rejects.toThrow(none);
    // The one that holds says so by its fault.
    for (const owner of ['', 'service: bridge,', 'route: { name: chat },']) {
      const top = [...others, entry(owner)].join();
      await expect(reportOf({ configFile: file(disabled, top) })).rejects.toThrow('config.assertion_secret');
    }
  });

  it('names the consumer, and says that Kong was not asked for it', async () => {
    const text = (await readFile(KONG_YML, 'utf8')).replace(
      /^( +)health_path: .*$/m,
      '$&\n$1consumer_by: user\n$1consumer_lookup: true',
    );
    expect((await reportOf({ configFile: fileWith(text) })).split('\n')).toEqual(
      expect.arrayContaining(['consumer: "acme:u1"', 'not asked: Kong (whether it has the consumer)']),
    );
  });

  it('names the limits that count on the path, with the figures of the tier', async () => {
    const text = await reportOf({
      token: await signToken({ tier: 'professional' }),
      path: '/ws/notifications',
    });
    expect(text.split('\n').filter((line) => /^(tier|limit)/.test(line))).toEqual([
      'tier: "professional"',
      'limit: 300 upgrades in 60 s and 50 ahead, by tenant, 4 of a page within 10 s as one, of tier "professional"',
    ]);
  });

  it("takes a KongPlugin among Kubernetes' objects", async () => {
    const file = join(__dirname, '../../../deploy/kubernetes/plugin.yaml');
    expect(await reportOf({ configFile: file })).toMatch(
      /^admitted\nroute: any with KongPlugin ws-gatekeeper\n/,
    );
    const ingress = join(__dirname, '../../../deploy/kubernetes/ingress.yaml');
    await expect(reportOf({ configFile: ingress })).rejects.toThrow(
      'expected a KongPlugin or KongClusterPlugin of ws-gatekeeper',
    );
    const secret = fileWith(
      `{ apiVersion: v1, kind: KongPlugin, plugin: ws-gatekeeper, configFrom: { secretKeyRef: {} } }`,
    );
    await expect(reportOf({ configFile: secret })).rejects.toThrow('whose config stands in it');
    const disabled = fileWith('{ apiVersion: v1, kind: KongPlugin, plugin: ws-gatekeeper, disabled: true }');
    await expect(reportOf({ configFile: disabled })).rejects.toThrow('expected a KongPlugin');
  });

  it('refuses what Kong would refuse of the configuration, every fault of it', async () => {
    const file = fileWith(`
      services:
        - routes: [{ paths: [/] }]
          plugins:
            - name: ws-gatekeeper
              config:
                secret: '{vault://env/jwt-secret}'
                assertion_secret: '{vault://env/assertion-secret}'
                rate_limits: [{ limit: 1000001 }, { by: planet, limit: 1 }]
                decision_timeout: soon`);
    await expect(reportOf({ configFile: file })).rejects.toThrow(
      [
        'config.rate_limits[0].limit: expected a number from 1 to 1000000, got 1000001',
        'config.rate_limits[1].by: expected one of tenant, user, route, ip, got "planet"',
        'config.decision_timeout: expected a whole number, got text',
      ].join('; '),
    );
  });

  it('names the kind alone of what a secret is, also of a password of digits that YAML takes for a number', async () => {
    const file = fileWith(`
      services:
        - routes: [{ paths: [/] }]
          plugins:
            - name: ws-gatekeeper
              config:
                secret: [hunter2]
                token_cache_size: '7'
                realm: 5
                redis: { password: 12345678 }`);
    await expect(reportOf({ configFile: file })).rejects.toThrow(
      [
        'config.secret: expected text, got a list',
        'config.token_cache_size: expected a whole number, got text',
        'config.realm: expected text, got 5',
        'config.redis.password: expected text, got a number',
      ].join('; '),
    );
  });

  it('names the route whose regular expression it cannot read', async () => {
    const file = fileWith("services: [{ routes: [{ paths: ['~/ws/(chat'] }] }]");
    await expect(reportOf({ configFile: file })).rejects.toThrow(
      'route path ~/ws/(chat: expected a regular expression',
    );
  });

  it('says what is missing: a route, the plugin, a variable, a field that the schema has, a file', async () => {
    await expect(reportOf({ path: '/nowhere' })).rejects.toThrow('expected a route for /nowhere');
    await expect(reportOf({ pluginName: 'another' })).rejects.toThrow(
      'expected plugin another on route ai-chat',
    );
    await expect(reportOf({ env: {} })).rejects.toThrow('expected the environment variable JWT_SECRET');
    await expect(reportOf({ configFile: '/nowhere.yml' })).rejects.toThrow('(ENOENT)');
    const file = fileWith(`
      services: [{ routes: [{ paths: [/], plugins: [{ name: ws-gatekeeper, config: { isuers: [a] } }] }] }]`);
    await expect(reportOf({ configFile: file })).rejects.toThrow(
      'config.isuers: expected a field of the schema',
    );
  });

  it('does not quote a file that is no YAML: it may hold secrets', async () => {
    const file = fileWith('secret: "hush\n  - {');
    const failure = (await reportOf({ configFile: file }).catch((cause: unknown) => cause)) as Error;
    expect(failure.message).toContain('expected a readable YAML or JSON file');
    expect(failure.message).not.toContain('hush');
  });

  it('fills in what Kong fills in', () => {
    const given = {
      secret: 's',
      rate_limits: [{ limit: 3, tiers: { gold: { limit: 9 } } }],
      redis: { port: 1 },
    };
    const { config } = parseDump(JSON.stringify(pluginInfo()));
    expect(withDefaults(SCHEMA, given)).toEqual(kongsDefaults(config, given));
  });
});
