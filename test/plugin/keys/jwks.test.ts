import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SignJWT } from 'jose';
import pino from 'pino';
import { RemoteKeys } from '../../../plugin/keys/jwks';
import { configuredKeys } from '../../../plugin/keys/key-source';
import { fetchJwks, MAX_JWKS_BYTES } from '../../../plugin/keys/jwks-fetch';
import { verifyToken } from '../../../plugin/token/verify';
import { parseConfig } from '../../../plugin/config/parse';
import { verifierFor } from '../../../plugin/prepare';
import { freePortsInARow } from '../../dev/free-ports';
import { goodClaims, NOW, rawConfig, signToken } from '../fixture';

/** For one that answers, on a slow machine too. */
const LONG_MS = 20_000;

const servers: Server[] = [];
afterEach(() => {
  jest.restoreAllMocks();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener, port = 0): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
}

interface Issuer {
  readonly kid: string | undefined;
  readonly privateKey: KeyObject;
  readonly jwk: object;
}
function issuer(kid: string): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' } };
}
const token = ({ kid, privateKey }: Issuer) =>
  new SignJWT({ ...goodClaims, exp: NOW + 1e6 })
    .setProtectedHeader({ alg: 'ES256', ...(kid !== undefined && { kid }) })
    .sign(privateKey);

/** An endpoint whose answer can be changed, with what it was asked and what it reported. */
async function endpoint(issuers: readonly Issuer[]) {
  const state = {
    document: { keys: issuers.map(({ jwk }) => jwk) } as unknown,
    down: false,
    /** An answer waits for this. */
    gate: Promise.resolve(),
    fetches: 0,
    changes: 0,
    failures: 0,
    successes: 0,
    ages: [] as number[],
    leftOut: [] as unknown[],
    seconds: NOW,
  };
  const settings = { uri: '', cacheSeconds: 300, staleSeconds: 3600, cooldownSeconds: 5, timeoutMs: 20_000 };
  const uri = await serve((_, response) => {
    state.fetches += 1;
    void state.gate.then(() => {
      if (state.down) response.writeHead(503).end();
      else response.end(JSON.stringify(state.document));
    });
  });
  const keys = new RemoteKeys(settings, {
    fetch: () => fetchJwks(fetch, uri, settings.timeoutMs),
    monotonicSeconds: () => state.seconds,
    onChange(leftOut) {
      state.changes += 1;
      state.leftOut = [...leftOut];
    },
    onFailure: () => (state.failures += 1),
    onSuccess: () => (state.successes += 1),
    onUse: (ageSeconds) => state.ages.push(ageSeconds),
  });
  const { config } = await parseConfig(
    rawConfig({ secret: null, algorithms: ['ES256', 'RS256'], jwks_uri: uri }),
  );
  const verifyAt = async (from: Issuer, now: number) =>
    verifyToken(await token(from), { ...config.token, clockToleranceSeconds: 7200 }, [keys], now);
  const verify = (from: Issuer, at = NOW) => {
    state.seconds = at;
    return verifyAt(from, NOW);
  };
  return { state, verify, verifyAt, keys };
}

/** Background fetches end when no request is under way any more. */
async function settled(fetched: () => boolean): Promise<void> {
  while (!fetched()) await new Promise(setImmediate);
}

describe('keys from jwks_uri', () => {
  it('are fetched once, however many upgrades wait', async () => {
    const a = issuer('a');
    const { state, verify } = await endpoint([a]);
    await Promise.all(Array.from({ length: 50 }, () => verify(a)));
    expect(state.fetches).toBe(1);
  });

  it('may be rotated without a refused upgrade of a good token', async () => {
    const [a, b] = [issuer('a'), issuer('b')];
    const { state, verify } = await endpoint([a]);
    await verify(a);
    state.document = { keys: [a.jwk, b.jwk] };
    await Promise.all([verify(b, NOW + 10), verify(a, NOW + 10), verify(b, NOW + 10)]);
    expect(state.fetches).toBe(2);
    expect(state.changes).toBe(2);
  });

  it('are not fetched again and again for an unknown kid', async () => {
    const [a, unknown] = [issuer('a'), issuer('unknown')];
    const { state, verify } = await endpoint([a]);
    await verify(a);
    for (let second = 0; second < 5; second += 1) {
      await expect(verify(unknown, NOW + second)).rejects.toMatchObject({ code: 'unknown_key' });
    }
    expect(state.fetches).toBe(1);
    await expect(verify(unknown, NOW + 5)).rejects.toMatchObject({ code: 'unknown_key' });
    expect(state.fetches).toBe(2);
  });

  it('that nobody can tell from wrong ones are unavailable: an unknown kid, while the set cannot be fetched', async () => {
    const [a, b] = [issuer('a'), issuer('b')];
    const { state, verify } = await endpoint([a]);
    await verify(a);
    state.down = true;
    // The second one comes within the cooldown of the fetch that failed.
    for (const second of [5, 6]) {
      await expect(verify(b, NOW + second)).rejects.toMatchObject({ status: 503, code: 'keys_unavailable' });
    }
    expect(state.fetches).toBe(2);
    await verify(a, NOW + 7);
    state.down = false;
    await expect(verify(b, NOW + 10)).rejects.toMatchObject({ status: 401, code: 'unknown_key' });
  });

  it('are refreshed in the background when they are old, while upgrades go on', async () => {
    const a = issuer('a');
    const { state, verify } = await endpoint([a]);
    await verify(a);
    await verify(a, NOW + 301);
    await settled(() => state.fetches === 2);
    expect(state.changes).toBe(1);
  });

  it('serve stale while the endpoint is down, for a bounded time, then 503', async () => {
    const a = issuer('a');
    const { state, verify } = await endpoint([a]);
    await verify(a);
    state.down = true;
    await verify(a, NOW + 301);
    await settled(() => state.failures === 1);
    await verify(a, NOW + 3900);
    await settled(() => state.failures === 2);
    await expect(verify(a, NOW + 3902)).rejects.toMatchObject({ status: 503, code: 'keys_unavailable' });
    // A failed fetch is not repeated for each upgrade.
    await expect(verify(a, NOW + 3902.5)).rejects.toMatchObject({ status: 503 });
    expect(state.failures).toBe(3);
    state.down = false;
    await verify(a, NOW + 3904);
    expect(state.successes).toBe(2);
    expect(state.ages).toEqual([0, 301, 3900, 0]);
  });

  it('that are taken out of the set verify nothing any more', async () => {
    const [a, b] = [issuer('a'), issuer('b')];
    const { state, verify } = await endpoint([a, b]);
    await verify(a);
    state.document = { keys: [b.jwk] };
    await verify(b, NOW + 301);
    await settled(() => state.changes === 2);
    await expect(verify(a, NOW + 301)).rejects.toMatchObject({ code: 'unknown_key' });
  });

  it('are waited for when nobody used them for long: one that was withdrawn meanwhile verifies nothing', async () => {
    const [a, b] = [issuer('a'), issuer('b')];
    const { state, verify } = await endpoint([a]);
    await verify(a);
    state.document = { keys: [b.jwk] };
    await expect(verify(a, NOW + 601)).rejects.toMatchObject({ code: 'unknown_key' });
  });

  it('are not waited for again and again while the endpoint is down', async () => {
    const a = issuer('a');
    const { state, verify } = await endpoint([a]);
    await verify(a);
    state.down = true;
    await verify(a, NOW + 601);
    expect(state.failures).toBe(1);
    let release = (): void => undefined;
    state.gate = new Promise((resolve) => (release = resolve));
    await verify(a, NOW + 603);
    expect(state.failures).toBe(1);
    release();
    await settled(() => state.failures === 2);
  });

  it('are as old as they are, whatever the wall clock is set to', async () => {
    const [a, b] = [issuer('a'), issuer('b')];
    const { state, verify, verifyAt } = await endpoint([a]);
    await verify(a);
    state.document = { keys: [b.jwk] };
    state.seconds += 6;
    await expect(verifyAt(b, NOW - 3600)).resolves.toMatchObject({ identity: { tenantId: 'acme' } });
  });

  it('that cannot verify tokens are left out and told of; their neighbours serve', async () => {
    const good = issuer('good');
    const rsa = (modulusLength: number) =>
      generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' });
    const { state, verify, keys } = await endpoint([]);
    state.document = {
      keys: [
        null,
        { ...rsa(1024), kid: 'short' },
        { ...rsa(2048), kid: 'one', e: 'AQ' },
        { ...rsa(2048), kid: 'enc', use: 'enc' },
        { kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA' },
        good.jwk,
      ],
    };
    await expect(verify(good)).resolves.toMatchObject({ jti: 'token-1' });
    expect(await keys.candidates('RS256', undefined)).toEqual([]);
    expect(state.leftOut).toEqual([
      { kid: undefined, reason: expect.stringContaining('an object') },
      { kid: 'short', reason: expect.stringContaining('2048') },
      { kid: 'one', reason: expect.stringContaining('exponent') },
      { kid: 'enc', reason: expect.stringContaining('"use"') },
      { kid: undefined, reason: expect.stringContaining('public key') },
    ]);
  });

  it('are all tried for a token without a kid', async () => {
    const [a, b] = [issuer('a'), issuer('b')];
    const { verify } = await endpoint([a, b]);
    await expect(verify({ ...b, kid: undefined })).resolves.toMatchObject({ jti: 'token-1' });
  });

  it('serve beside a key of the configuration that has no kid', async () => {
    const [configured, remote] = [issuer('configured'), issuer('remote')];
    const { keys } = await endpoint([remote]);
    const key = JSON.stringify({ ...configured.jwk, kid: undefined });
    const { config, keys: imported } = await parseConfig(
      rawConfig({ secret: null, algorithms: ['ES256'], public_keys: [{ key }] }),
    );
    const sources = [configuredKeys(imported.token), keys];
    for (const from of [configured, remote]) {
      await expect(verifyToken(await token(from), config.token, sources, NOW)).resolves.toBeDefined();
    }
  });

  it('never serve a shared secret, whatever the set says', async () => {
    const { state, keys } = await endpoint([]);
    state.document = { keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'a', alg: 'HS256' }] };
    expect(await keys.candidates('HS256', 'a')).toEqual([]);
    expect(await keys.candidates('ES256', 'a')).toEqual([]);
  });

  it('are refused from an endpoint that answers garbage', async () => {
    const { state, verify } = await endpoint([]);
    for (const [i, document] of ['garbage', { keys: 'none' }, null].entries()) {
      state.document = document;
      await expect(verify(issuer('a'), NOW + i * 10)).rejects.toMatchObject({ status: expect.any(Number) });
    }
    expect(state.failures).toBe(3);
  });
});

describe('beside a jwks_uri that does not answer', () => {
  async function hanging() {
    let asked = 0;
    const uri = await serve(() => (asked += 1));
    const raw = rawConfig({ algorithms: ['HS256', 'ES256'], jwks_uri: uri, jwks_timeout: 30_000 });
    const { config, keys } = await parseConfig(raw);
    return { verifier: verifierFor(config, keys, pino({ level: 'silent' })), asked: () => asked };
  }

  it('a token that the secret verifies is good again and again, and waits for no fetch', async () => {
    const { verifier, asked } = await hanging();
    const good = await signToken();
    for (let i = 0; i < 3; i += 1) await expect(verifier.verify(good, NOW)).resolves.toBeDefined();
    expect(asked()).toBe(0);
  });

  it('a token with the HMAC of another secret has a bad signature, and has nothing fetched', async () => {
    const { verifier, asked } = await hanging();
    const forged = await signToken({}, 'x'.repeat(32));
    await expect(verifier.verify(forged, NOW)).rejects.toMatchObject({ status: 401, code: 'bad_signature' });
    expect(asked()).toBe(0);
  });
});

it('a jwks_uri that cannot be fetched is logged once a reason, however many upgrades want it', async () => {
  let status = 500;
  const uri = await serve((_, response) => response.writeHead(status).end());
  const { config, keys } = await parseConfig(
    rawConfig({ secret: null, algorithms: ['ES256'], jwks_uri: uri }),
  );
  const lines: string[] = [];
  const verifier = verifierFor(config, keys, pino({}, { write: (line) => lines.push(line) }));
  const clock = jest.spyOn(performance, 'now');
  const good = await token(issuer('a'));
  for (const [second, answered] of [500, 500, 500, 404].entries()) {
    status = answered;
    clock.mockReturnValue(second * 2000);
    await expect(verifier.verify(good, NOW)).rejects.toMatchObject({ code: 'keys_unavailable' });
  }
  clock.mockRestore();
  expect(lines.map((line) => (JSON.parse(line) as { reason: string }).reason)).toEqual([
    'expected status 200, got 500',
    'expected status 200, got 404',
  ]);
});

describe('keys whose configuration was let go of', () => {
  async function remembered() {
    const [a, b] = [issuer('a'), issuer('b')];
    const state = { keys: [a.jwk], isAway: false };
    const uri = await serve((_, response) => {
      if (state.isAway) response.writeHead(503).end();
      else response.end(JSON.stringify({ keys: state.keys }));
    });
    const { config, keys } = await parseConfig(
      rawConfig({ secret: null, algorithms: ['ES256'], jwks_uri: uri }),
    );
    const good = await token(a);
    const verifyAnew = () => {
      const verifier = verifierFor(config, keys, pino({ level: 'silent' }));
      return () => verifier.verify(good, NOW);
    };
    const clock = jest.spyOn(performance, 'now').mockReturnValue(0);
    await verifyAnew()();
    return { state, verifyAnew, clock, other: b };
  }

  it('count for as long as they may while the endpoint is away', async () => {
    const { state, verifyAnew, clock } = await remembered();
    state.isAway = true;
    // By default 300 seconds, and 3,600 more while it is away.
    clock.mockReturnValue(3_900_000);
    await expect(verifyAnew()()).resolves.toBeDefined();
    clock.mockReturnValue(3_901_000);
    await expect(verifyAnew()()).rejects.toMatchObject({ code: 'keys_unavailable' });
  });

  it('are fetched anew where it answers, also within their time: one may have been withdrawn', async () => {
    const { state, verifyAnew, other } = await remembered();
    state.keys = [other.jwk];
    const verify = verifyAnew();
    for (const verifying of [verify(), verify()]) {
      await expect(verifying).rejects.toMatchObject({ code: 'unknown_key' });
    }
  });
});

describe('a fetch of jwks_uri', () => {
  it('ends in time when the endpoint hangs, before or within its answer', async () => {
    const silent = await serve(() => undefined);
    await expect(fetchJwks(fetch, silent, 50)).rejects.toThrow(/timeout|aborted/i);
    const halfway = await serve((_, response) => response.write('{"keys":['));
    await expect(fetchJwks(fetch, halfway, 50)).rejects.toThrow(/timeout|aborted/i);
  });

  it('reads no more than its limit of 10 MB', async () => {
    let sent = 0;
    const uri = await serve((_, response) => {
      const chunk = Buffer.alloc(64 * 1024, ' ');
      const more = (): void => {
        while (sent < 10 * 1024 * 1024 && !response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    await expect(fetchJwks(fetch, uri, LONG_MS)).rejects.toThrow(`at most ${MAX_JWKS_BYTES} bytes`);
    expect(sent).toBeLessThan(10 * 1024 * 1024);
  });

  it('that ends in the middle, or is not encoded as it says, says why', async () => {
    const short = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{"keys":[', () => response.socket?.end());
    });
    await expect(fetchJwks(fetch, short, 5000)).rejects.toThrow(/^terminated: ./);
    const plain = await serve((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('{"keys":[]}'),
    );
    await expect(fetchJwks(fetch, plain, 5000)).rejects.toThrow(/^terminated: ./);
  });

  it('that finds nobody says why', async () => {
    // On a port that nobody else takes meanwhile.
    const uri = await serve(() => undefined, (await freePortsInARow(1))[0]);
    const [server] = servers.splice(0);
    await new Promise((resolve) => server?.close(resolve));
    await expect(fetchJwks(fetch, uri, LONG_MS)).rejects.toThrow('ECONNREFUSED');
  });

  it('is read without the byte order mark that some servers write before it', async () => {
    const uri = await serve((_, response) => response.end('\ufeff{"keys":[]}'));
    await expect(fetchJwks(fetch, uri, 5000)).resolves.toEqual({ keys: [] });
  });

  it('follows no redirect', async () => {
    const uri = await serve((request, response) => {
      if (request.url === '/jwks') response.writeHead(302, { location: '/elsewhere' }).end();
      else response.end('{"keys":[]}');
    });
    await expect(fetchJwks(fetch, uri, LONG_MS)).rejects.toThrow('expected status 200, got 302');
  });
});
