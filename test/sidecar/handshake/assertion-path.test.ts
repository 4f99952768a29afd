import fc from 'fast-check';
import { parseDeclaration } from '../../../kong-stand-in/declarative/file';
import { toText } from '../../../kong-stand-in/lib/lua';
import { createRouter, type Router } from '../../../kong-stand-in/http/router';
import { escapePath, normalizePath } from '../../../kong-stand-in/lib/uri';
import type { Assertion } from '../../../protocol/assertion';
import { canonicalPath } from '../../../protocol/path';
import { assertionPathFault } from '../../../sidecar/handshake/assertion-path';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { askUpgrade, connect, headersFor, startBridge, type Answer, type TestBridge } from '../fixture';
import { readAssertionPathRule } from '../../../sidecar/settings/assertion-path-rule';

const ALICE = { tenant: 'acme', user: 'alice' };

let redis: RedisServer;
let bridge: TestBridge;
beforeAll(async () => {
  redis = await startRedis();
  bridge = await startBridge(redis.url);
});
afterAll(async () => {
  await bridge.bridge.close();
  await redis.stop();
});

const others: TestBridge[] = [];
async function another(env: Readonly<Record<string, string>> = {}): Promise<TestBridge> {
  const started = await startBridge(redis.url, env);
  others.push(started);
  return started;
}
afterEach(async () => {
  for (const { bridge: started } of others.splice(0)) await started.close();
});

/** Asks on a path with an assertion for another one, or for every one. */
async function ask(at: string, signedFor?: string, to = bridge): Promise<Answer> {
  const caller = signedFor === undefined ? ALICE : { ...ALICE, path: signedFor };
  return askUpgrade(`${to.url}${at}`, await headersFor(caller));
}

const OTHER_PATH = { status: 401, body: '{"message":"the assertion is for another path"}' };

function linesOf({ logLines }: TestBridge, text: string): readonly Record<string, unknown>[] {
  return logLines
    .filter((line) => line.includes(text))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('an assertion for one path', () => {
  it.each(['/ws/notifications', '/ws/ai/chat', '/ws/bi/dashboards/d1', '/ws/collaboration/a%2Fb'])(
    'counts on %s',
    async (path) => {
      expect(await ask(path, path)).toMatchObject({ status: 101 });
    },
  );

  it('opens no other route, and the log says which two', async () => {
    expect(await ask('/ws/ai/chat?session=s1', '/ws/notifications')).toMatchObject({
      ...OTHER_PATH,
      headers: { 'www-authenticate': 'Bearer realm="ws-bridge"' },
    });
    expect(linesOf(bridge, '"upgrade"').at(-1)).toMatchObject({
      outcome: 'unauthorized',
      status: 401,
      route: 'ai-chat',
      tenant: 'acme',
      user: 'alice',
      reason:
        'expected an assertion for "/ws/ai/chat", got one for "/ws/notifications": where something behind the ' +
        'gatekeeper rewrites the path, BRIDGE_ASSERTION_PATH=ignored admits it',
    });
  });

  it.each([
    ['another dashboard', '/ws/bi/dashboards/d1', '/ws/bi/dashboards/d2'],
    ['other letters of the same', '/ws/bi/dashboards/d1', '/ws/bi/dashboards/D1'],
    ['an id whose slash is escaped', '/ws/collaboration/a%2Fb', '/ws/collaboration/a%252Fb'],
    ['a path that begins the same', '/ws/bi/dashboards/d', '/ws/bi/dashboards/d1'],
    ['the path with a slash at its end', '/ws/notifications/', '/ws/notifications'],
    ['the path in another spelling than the one', '/ws/%6eotifications', '/ws/notifications'],
    ['a part of the path', '/ws', '/ws/notifications'],
    ['the root', '/', '/ws/notifications'],
  ])('of %s is refused', async (_, signedFor, at) => {
    expect(await ask(at, signedFor)).toMatchObject(OTHER_PATH);
  });

  it.each([
    '/ws/%6eotifications',
    '/ws//notifications',
    '/ws/x/../notifications',
    '/ws/./notifications',
    '/ws/x/%2e%2E/notifications',
  ])('counts on %s, which is another spelling of it', async (at) => {
    expect(await ask(at, '/ws/notifications')).toMatchObject({ status: 101 });
  });

  it('counts with any query: sessions and resume points are no part of it', async () => {
    expect(await ask('/ws/ai/chat?session=s2&token=x', '/ws/ai/chat')).toMatchObject({ status: 101 });
    const client = await connect(`${bridge.url}/ws/ai/chat?session=s3&resume=e.1`, ALICE, ['bridge.v1']);
    expect(await client.nextJson()).toMatchObject({ type: 'bridge.ready' });
    await client.close();
  });

  it('is not used up where it does not count', async () => {
    const headers = await headersFor({ ...ALICE, path: '/ws/notifications' });
    expect(await askUpgrade(`${bridge.url}/ws/ai/chat`, headers)).toMatchObject(OTHER_PATH);
    expect(await askUpgrade(`${bridge.url}/ws/notifications`, headers)).toMatchObject({ status: 101 });
  });
});

const UNBOUND = 'an assertion names no path';

describe('an assertion without a path', () => {
  it('counts for every path, and the log says so once', async () => {
    const older = await another();
    expect(await ask('/ws/notifications', '/ws/notifications', older)).toMatchObject({ status: 101 });
    expect(linesOf(older, UNBOUND)).toEqual([]);
    for (const path of ['/ws/notifications', '/ws/ai/chat']) {
      expect(await ask(path, undefined, older)).toMatchObject({ status: 101 });
    }
    expect(linesOf(older, UNBOUND)).toMatchObject([{ level: 40 }]);
  });

  it('is refused where BRIDGE_ASSERTION_PATH is required', async () => {
    const strict = await another({ BRIDGE_ASSERTION_PATH: 'required' });
    expect(await ask('/ws/notifications', undefined, strict)).toMatchObject({
      status: 401,
      body: '{"message":"expected an assertion for one path"}',
    });
    expect(linesOf(strict, '"upgrade"').at(-1)).toMatchObject({
      reason: expect.stringContaining('BRIDGE_ASSERTION_PATH=required') as string,
    });
    expect(await ask('/ws/ai/chat', '/ws/notifications', strict)).toMatchObject(OTHER_PATH);
    expect(await ask('/ws/notifications', '/ws/notifications', strict)).toMatchObject({ status: 101 });
    expect(linesOf(strict, UNBOUND)).toEqual([]);
  });
});

it('where BRIDGE_ASSERTION_PATH is ignored any assertion counts for every path, and the log says so at the start', async () => {
  const open = await another({ BRIDGE_ASSERTION_PATH: 'ignored' });
  expect(linesOf(open, 'BRIDGE_ASSERTION_PATH=ignored')).toMatchObject([{ level: 40 }]);
  expect(await ask('/ws/ai/chat', '/ws/notifications', open)).toMatchObject({ status: 101 });
  expect(await ask('/ws/ai/chat', undefined, open)).toMatchObject({ status: 101 });
  expect(linesOf(open, UNBOUND)).toEqual([]);
});

it.each(['Checked', 'on', 'true', ' required'])('%j is no rule for the path of assertions', (text) => {
  expect(readAssertionPathRule(text)).toBeUndefined();
});

const segment = fc.constantFrom(
  'ws',
  'a',
  'ä',
  '%2f',
  '%2F',
  '%61',
  '%C3%A4',
  '.',
  '..',
  '%2e',
  '',
  'A',
  'a b',
  '%25',
  '#',
);
const path = fc
  .array(segment, { minLength: 1, maxLength: 6 })
  .map((segments) => Buffer.from(`/${segments.join('/')}`).toString('latin1'));
const routePath = fc.constantFrom('/', '/ws', '/ws/', '/a', '~/(ws|a)', '~/w.');
const servicePath = fc.constantFrom(undefined, '/', '/base', '/base/', '/b%2Fc');

/** A request's passage through Kong's rules: the gatekeeper reads `upstreamUri`, and the bridge gets `sent`. */
interface Passage {
  readonly told: string;
  readonly upstreamUri: string;
  readonly sent: string;
}

function throughKong(
  asked: string,
  at: string,
  base: string | undefined,
  strip: boolean,
): Passage | undefined {
  const match = routerOf(at, base, strip)({ method: 'GET', host: 'h', target: asked });
  if (match === undefined) return undefined;
  const upstreamUri = escapePath(match.upstreamPath);
  return { told: toText(normalizePath(asked)), upstreamUri, sent: upstreamUri };
}

const routers = new Map<string, Router>();

function routerOf(at: string, base: string | undefined, strip: boolean): Router {
  const routes = [{ name: 'r', paths: [at], strip_path: strip }];
  const service = { name: 's', host: 'h', ...(base !== undefined && { path: base }), routes };
  const declared = JSON.stringify({ _format_version: '3.0', services: [service] });
  const router = routers.get(declared) ?? createRouter(parseDeclaration(declared, 0));
  routers.set(declared, router);
  return router;
}

const assertionFor = (signedFor: string): Assertion => ({
  ...{
    identity: { tenantId: 't', userId: 'u', roles: [] },
    requestId: 'r',
    tokenJti: undefined,
    tokenExp: 0,
  },
  ...{ path: signedFor, jti: 'j', iat: 0, exp: 30 },
});

describe('whatever Kong strips from a path or puts before it', () => {
  it('the assertion counts at the bridge, and it is for the path that the client asked where Kong changes nothing', () => {
    let passed = 0;
    fc.assert(
      fc.property(path, routePath, servicePath, fc.boolean(), (asked, at, base, strip) => {
        const passage = throughKong(asked, at, base, strip);
        fc.pre(passage !== undefined);
        passed += 1;
        const signed = assertionFor(canonicalPath(passage.upstreamUri));
        expect(assertionPathFault(signed, canonicalPath(passage.sent), 'required')).toBeUndefined();
        if (!strip && (base === undefined || base === '/')) {
          expect(signed.path).toBe(canonicalPath(passage.told));
        }
      }),
      { numRuns: 1000 },
    );
    expect(passed).toBeGreaterThan(200);
  });

  it('counts on no path that Kong would call for another request', () => {
    fc.assert(
      fc.property(path, path, routePath, servicePath, fc.boolean(), (one, other, at, base, strip) => {
        const [a, b] = [throughKong(one, at, base, strip), throughKong(other, at, base, strip)];
        fc.pre(a !== undefined && b !== undefined && a.upstreamUri !== b.upstreamUri);
        fc.pre(canonicalPath(a.upstreamUri) !== canonicalPath(b.upstreamUri));
        const signed = assertionFor(canonicalPath(a.upstreamUri));
        for (const rule of ['checked', 'required'] as const) {
          expect(assertionPathFault(signed, canonicalPath(b.sent), rule)).toMatchObject({ status: 401 });
        }
      }),
      { numRuns: 500 },
    );
  });
});
