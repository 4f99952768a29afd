import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Gatekeeper } from '../../plugin/gatekeeper';
import { instanceMaker } from '../../plugin/server/instance-maker';
import type { PluginInstance } from '../../plugin/server/instances';
import { OwnInstances } from '../../plugin/server/own-instances';
import { startPluginServer, type PluginServer } from '../../plugin/server/plugin-server';
import { KongWorker } from '../fakes/kong-worker';
import { loggedUpgrade, type Sent } from '../fakes/logged-request';
import { rawConfig, signToken, TOKEN_SECRET } from './fixture';

const log = pino({ level: 'silent' });
const now = Math.floor(Date.now() / 1000);
const everywhere = {
  rate_limits: [],
  revocation: { enabled: false, key_prefix: '', fault_tolerant: false },
  header_names: ['authorization', 'x-token'],
  cookie_names: ['jwt', '__Host-jwt'],
  uri_param_names: ['token'],
  allowed_origins: ['https://app.example.com'],
};
const upgrade = { upgrade: 'websocket', origin: 'https://app.example.com' };
/** How every JWT begins. */
const JWT = 'eyJ';

let folder: string;
let path: string;
let server: PluginServer;
/** Takes connections and says nothing. */
let silent: Server;
let token: string;
let expired: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gk-'));
  path = join(folder, 'gk.sock');
  const start = (config: unknown): PluginInstance =>
    (config as { realm?: unknown }).realm === 'throws'
      ? { access: () => Promise.reject(new Error('broken')) }
      : new Gatekeeper(config, log);
  server = await startPluginServer(
    { path, mode: 0o600 },
    { pluginName: 'ws-gatekeeper', instances: new OwnInstances(instanceMaker(start, log)), log },
  );
  silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  token = await signToken({ iat: now, exp: now + 900 });
  expired = await signToken({ iat: now - 900, exp: now - 60 });
});
afterAll(async () => {
  await server.close(0);
  silent.close();
  rmSync(folder, { recursive: true });
});

const logged = (sent: Sent, changes: Record<string, unknown> = {}) =>
  loggedUpgrade(path, rawConfig({ ...everywhere, ...changes }), sent);

const inEveryPlace = (jwt: string): Sent => ({
  target: `/ws/notifications?token=${jwt}`,
  headers: {
    ...{ authorization: `Bearer ${jwt}`, 'x-token': `Bearer ${jwt}`, cookie: `jwt=${jwt}` },
    'sec-websocket-protocol': `bearer.${jwt}`,
  },
});
const subprotocols = (...offered: string[]): Sent => ({ headers: { 'sec-websocket-protocol': offered } });

const PLACES: [string, (jwt: string) => Sent][] = [
  ['Authorization', (jwt) => ({ headers: { Authorization: `Bearer ${jwt}` } })],
  ['another of header_names', (jwt) => ({ headers: { 'X-Token': `bearer ${jwt}` } })],
  ['a header of header_names without a scheme', (jwt) => ({ headers: { 'x-token': jwt } })],
  ['a subprotocol', (jwt) => subprotocols(`bridge.v1, bearer.${jwt}`)],
  ['the only subprotocol', (jwt) => subprotocols(`bearer.${jwt}`)],
  ['a repeated header of subprotocols', (jwt) => subprotocols('bridge.v1', `bearer.${jwt}`)],
  ['a subprotocol whose prefix has another case', (jwt) => subprotocols(`bridge.v1, Bearer.${jwt}`)],
  ['a subprotocol of its own, beside the scheme', (jwt) => subprotocols(`bearer, ${jwt}`)],
  ['a cookie', (jwt) => ({ headers: { cookie: `a=1; jwt=${jwt}; b=2` } })],
  ['two cookies', (jwt) => ({ headers: { cookie: `jwt="${jwt}"; __Host-jwt=${jwt}` } })],
  ['the query', (jwt) => ({ target: `/ws/notifications?a=1&token=${jwt}&b=2` })],
  ['a parameter whose name is encoded', (jwt) => ({ target: `/ws/notifications?%74oken=${jwt}` })],
  ['every place', inEveryPlace],
];

describe("what Kong's log plugins write of an upgrade that is refused has no token in it", () => {
  it.each(PLACES)('that came in %s', async (_, sentWith) => {
    for (const [jwt, always, status] of [
      [expired, upgrade, 401],
      [`${token}.x`, upgrade, 401],
      [token, { origin: upgrade.origin }, 426],
      [token, { upgrade: 'websocket', origin: 'https://evil.example' }, 403],
    ] as const) {
      const sent = sentWith(jwt);
      const answer = await logged({ ...sent, headers: { ...always, ...sent.headers } });
      expect(answer.status).toBe(status);
      expect(answer.entry).not.toContain(JWT);
    }
  });

  it('when several came that differ', async () => {
    const headers = { ...upgrade, authorization: `Bearer ${token}`, cookie: `jwt=${expired}` };
    const answer = await logged({ headers });
    expect(answer.status).toBe(401);
    expect(answer.entry).not.toContain(JWT);
  });

  it('and still has everything else', async () => {
    const { entry } = await logged({
      target: `/ws/notifications?a=%20x&token=${expired}&b=2`,
      headers: {
        ...upgrade,
        cookie: `a=1; jwt=${expired}`,
        ...subprotocols(`bridge.v1, bearer.${expired}`).headers,
      },
    });
    expect(JSON.parse(entry)).toMatchObject({
      request: {
        uri: '/ws/notifications?a=%20x&b=2',
        url: '/ws/notifications?a=%20x&b=2',
        querystring: { a: ' x', b: '2' },
        headers: { ...upgrade, cookie: 'a=1', 'sec-websocket-protocol': 'bridge.v1' },
      },
    });
  });

  it('when the configuration cannot be used', async () => {
    const answer = await logged(inEveryPlace(token), { assertion_secret: TOKEN_SECRET });
    expect(answer.status).toBe(500);
    expect(answer.entry).not.toContain(JWT);
  });

  it('when the configuration is none at all, from where tokens are by default', async () => {
    const { headers } = inEveryPlace(token);
    const answer = await logged(
      { headers: { ...headers, 'x-token': '', cookie: '' } },
      { header_names: 7, secret: 7 },
    );
    expect(answer.status).toBe(500);
    expect(answer.entry).not.toContain(JWT);
  });

  it('when the decision takes too long', async () => {
    const { port } = silent.address() as { port: number };
    const changes = {
      ...{ secret: null, algorithms: ['RS256'], decision_timeout: 100 },
      jwks_uri: `http://127.0.0.1:${port}/`,
    };
    const jwt = `${Buffer.from('{"alg":"RS256","kid":"k"}').toString('base64url')}.e30.c2ln`;
    const sent = inEveryPlace(jwt);
    const answer = await logged({ ...sent, headers: { ...upgrade, ...sent.headers } }, changes);
    expect(answer.status).toBe(503);
    expect(answer.entry).not.toContain(JWT);
  });

  it('when the plugin throws, from where tokens are by default', async () => {
    const { headers } = inEveryPlace(token);
    const answer = await logged({ headers: { ...headers, 'x-token': '' } }, { realm: 'throws' });
    expect(answer.status).toBe(500);
    expect(answer.entry).not.toContain(JWT);
  });

  it('at no further round trip', async () => {
    const kong = new KongWorker(path, rawConfig({ ...everywhere, uri_param_names: [] }));
    const headers = inEveryPlace(expired).headers as Record<string, string>;
    expect(await kong.upgrade({ ...upgrade, ...headers })).toMatchObject({ status: 401, writes: 2 });
    kong.close();
  });
});

it('the headers of an admitted upgrade are set, and those that had its token cleared, in one call', async () => {
  const kong = new KongWorker(path, rawConfig({ ...everywhere, uri_param_names: [] }));
  const headers = inEveryPlace(token).headers as Record<string, string>;
  const { status, calls } = await kong.upgrade({ ...upgrade, ...headers });
  expect(status).toBeUndefined();
  expect(calls.filter((call) => call.startsWith('kong.service.request.'))).toEqual([
    'kong.service.request.set_headers',
  ]);
  kong.close();
});

it.each(PLACES.filter(([place]) => !/case|scheme/.test(place)))(
  "what Kong's log plugins write of an upgrade that is admitted has neither its token in it, which came in %s, nor its assertion, and the upstream gets no token",
  async (_, sentWith) => {
    const sent = sentWith(token);
    const answer = await logged({ ...sent, headers: { ...upgrade, ...sent.headers } });
    expect(answer.status).toBeUndefined();
    expect(answer.entry).not.toContain(JWT);
    // Kong redacts Authorization in its log by itself, whatever goes upstream.
    const withJwt = answer.upstreamHeaders.filter(([, value]) => value.includes(JWT));
    expect(withJwt.map(([name]) => name)).toEqual(['X-Gateway-Assertion']);
  },
);
