import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { diagnose, type DoctorOptions } from '../../../sidecar/doctor/doctor';
import { findingLine, type Finding } from '../../../sidecar/doctor/finding';
import { makeCertificates } from '../../fakes/certificates';
import { documentedUser } from '../../fakes/documented-user';
import { startRedisCluster } from '../../fakes/redis-cluster';
import { startSentinels } from '../../fakes/redis-sentinel';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { headersFor, SECRET, startBridge } from '../fixture';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.stop();
});

async function findings(
  env: Record<string, string>,
  now = Date.now,
  gateway?: DoctorOptions['gateway'],
  timeoutMs = 5000,
): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  const whole = { BRIDGE_ASSERTION_SECRET: SECRET, REDIS_URL: redis.url, ...env };
  const options = { env: whole, gateway, timeoutMs, now };
  for await (const finding of diagnose(options)) found.push(finding);
  return found;
}

/** As much of a gateway as the doctor needs: it lets everybody through to a bridge, as alice. */
async function gatewayTo(bridgeUrl: string) {
  const server = createServer();
  server.on('upgrade', (request, client) => {
    void headersFor({ tenant: 'acme', user: 'alice' }).then((identity) => {
      const upstream = connect(Number(new URL(bridgeUrl).port), '127.0.0.1');
      const lines = Object.entries({ ...request.headers, ...identity }).map(
        ([name, value]) => `${name}: ${String(value)}`,
      );
      upstream.write(`GET ${request.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      upstream.pipe(client).pipe(upstream);
      client.on('close', () => upstream.destroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: new URL(`ws://127.0.0.1:${port}`), close: () => server.close() };
}

const failed = (found: readonly Finding[]) => found.filter(({ ok }) => !ok).map(findingLine);

describe('ws-bridge doctor', () => {
  it('finds nothing wrong where a bridge would be ready', async () => {
    const found = await findings({});
    expect(failed(found)).toEqual([]);
    const subjects = found.map(({ subject }) => subject);
    expect(subjects).toEqual([
      'settings',
      'access',
      'keys',
      'routes',
      'redis',
      'clock',
      'delivery',
      'gateway',
    ]);
  });

  it('names every setting at fault, and goes no further', async () => {
    const found = await findings({ BRIDGE_PORT: 'x', BRIDGE_ASSERTION_SECRET: 'short' });
    expect(found.map(findingLine)).toEqual([
      'FAIL  settings   BRIDGE_PORT: expected a whole number from 0 to 65535, got "x": see ws-bridge --help',
      'FAIL  settings   BRIDGE_ASSERTION_SECRET: expected at least 32 bytes, got 5: see ws-bridge --help',
    ]);
  });

  it('warns of a variable that the bridge does not read, which is no fault', async () => {
    const found = await findings({ BRIDGE_PROT: '1', BRIDGE_PORT_8080_TCP: 'tcp://10.0.0.1:8080' });
    expect(failed(found)).toEqual([]);
    expect(found.map(findingLine).filter((line) => line.startsWith('warn'))).toEqual([
      'warn  settings   BRIDGE_PROT is no setting and is ignored: is BRIDGE_PORT meant?',
    ]);
  });

  it('says what every name in Redis begins with, and what a database without a prefix does not separate', async () => {
    const lineOf = async (env: Record<string, string>) =>
      (await findings(env)).filter(({ subject }) => subject === 'prefix').map(findingLine);
    expect(await lineOf({ BRIDGE_CHANNEL_PREFIX: 'staging:', REDIS_URL: `${redis.url}/2` })).toEqual([
      'ok    prefix     every name in Redis begins with "staging:"',
    ]);
    expect(await lineOf({ REDIS_URL: `${redis.url}/2` })).toEqual([
      expect.stringMatching(
        /^warn {2}prefix {5}database 2: .*does not separate Pub\/Sub.*BRIDGE_CHANNEL_PREFIX/,
      ),
    ]);
    expect(await lineOf({})).toEqual([]);
  });

  it('warns of settings for TLS beside a REDIS_URL without it', async () => {
    const env = { REDIS_URL: redis.url, BRIDGE_REDIS_TLS_CA_FILE: '/ca.pem' };
    const [found] = (await findings(env)).filter(({ subject }) => subject === 'tls').map(findingLine);
    expect(found).toMatch(/^warn {2}tls {8}BRIDGE_REDIS_TLS_CA_FILE: the way to Redis is not encrypted/);
  });

  it('publishes where a bridge with a prefix hears it, and finds one that has another', async () => {
    const bridge = await startBridge(redis.url, { BRIDGE_CHANNEL_PREFIX: 'staging:' });
    const { url, close } = await gatewayTo(bridge.url);
    const loopOf = async (prefix: string) => {
      const way = { url, token: 'any', path: '/ws/ai/chat' };
      const found = await findings({ BRIDGE_CHANNEL_PREFIX: prefix }, Date.now, way, 3000);
      return found.filter(({ subject }) => subject === 'loop').map(findingLine);
    };
    expect(await loopOf('staging:')).toEqual([expect.stringMatching(/^ok {4}loop/)]);
    expect(await loopOf('')).toEqual([
      expect.stringMatching(/^FAIL {2}loop .*are REDIS_URL and BRIDGE_CHANNEL_PREFIX those of the bridge/),
    ]);
    await bridge.bridge.close();
    close();
  });

  it('names a variable that is nearly the one that is missing', async () => {
    const found = await findings({ BRIDGE_ASSERTION_SECRET: '', BRIDGE_ASSERTION_SECERT: SECRET });
    expect(failed(found)).toEqual([
      expect.stringContaining('BRIDGE_ASSERTION_SECRET or'),
      expect.stringContaining('is BRIDGE_ASSERTION_SECRET meant?'),
    ]);
  });

  it('keeps the path and the query that the gateway has', async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    server.on('upgrade', ({ url }, socket) => {
      asked.push(url);
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 28\r\n\r\n{"message":"\u009bno\\u001b[2J"}');
    });
    const { port } = server.address() as AddressInfo;
    const lines: string[] = [];
    for (const path of ['', '/', '/prefix', '/prefix/?key=1']) {
      const url = new URL(`ws://127.0.0.1:${port}${path}`);
      const found = await findings({}, Date.now, { url, token: 'any', path: '/ws/ai/chat?session=s' });
      lines.push(...found.slice(-1).map(findingLine));
    }
    expect(asked).toEqual([
      '/ws/ai/chat?session=s',
      '/ws/ai/chat?session=s',
      '/prefix/ws/ai/chat?session=s',
      '/prefix/ws/ai/chat?key=1&session=s',
    ]);
    expect(lines[3]).toBe(
      String.raw`FAIL  upgrade    404 \u009bno\u001b[2J: give the gateway a route for /prefix/ws/ai/chat, and the bridge one (BRIDGE_ROUTES_FILE)`,
    );
    server.close();
  });

  it('names a routes file that cannot be served', async () => {
    expect(failed(await findings({ BRIDGE_ROUTES_FILE: '/nowhere/routes.json' }))).toEqual([
      'FAIL  routes     /nowhere/routes.json: expected a readable file: mend BRIDGE_ROUTES_FILE',
    ]);
  });

  it('says that Redis is not there, by its address and without its password', async () => {
    const found = await findings({ REDIS_URL: 'redis://user:hush-hush@127.0.0.1:1/0' });
    const [line = ''] = failed(found);
    expect(line).toMatch(
      /^FAIL {2}redis {6}127\.0\.0\.1:1 cannot be used \(.*ECONNREFUSED.*\): start Redis there/,
    );
    expect(found.map(findingLine).join('\n')).not.toContain('hush');
  });

  it.each(['allkeys-lru', 'volatile-ttl'])(
    'says what it means that Redis evicts keys by %s',
    async (policy) => {
      const admin = new Redis(redis.url);
      await admin.config('SET', 'maxmemory-policy', policy);
      // Without a maxmemory nothing is ever evicted.
      expect((await findings({})).map(({ subject }) => subject)).not.toContain('memory');
      await admin.config('SET', 'maxmemory', '1gb');
      const found = await findings({});
      await admin.config('SET', 'maxmemory', '0');
      await admin.config('SET', 'maxmemory-policy', 'noeviction');
      admin.disconnect();
      const [line = ''] = found.filter(({ subject }) => subject === 'memory').map(findingLine);
      expect(line).toMatch(
        new RegExp(
          `^warn {2}memory {5}maxmemory-policy ${policy} evicts: .*revoked token.*admitted.*AI session.*noeviction`,
        ),
      );
      expect(failed(found)).toEqual([]);
    },
  );

  it('says that the clocks are apart, and by how much', async () => {
    const found = await findings({}, () => Date.now() + 600_000);
    const [line = '', ...others] = failed(found);
    expect(line).toMatch(
      /^FAIL {2}clock {6}(59|60)\d{4} ms from that of Redis, expected at most 5000: synchronise/,
    );
    expect(others).toEqual([]);
  });

  it('says that Redis delivers nothing to a user that may not subscribe', async () => {
    const admin = new Redis(redis.url);
    await admin.call('ACL', 'SETUSER', 'mute', 'on', '>mute-password', '~*', '+@all', 'resetchannels');
    admin.disconnect();
    const [line = ''] = failed(
      await findings({ REDIS_URL: redis.url.replace('://', '://mute:mute-password@') }),
    );
    expect(line).toContain('NOPERM');
    expect(line).not.toContain('mute-password');
  });
});

describe('ws-bridge doctor, of Redis as the bridge would use it', () => {
  const all = ['settings', 'access', 'keys', 'routes', 'redis', 'clock', 'delivery', 'gateway'];

  async function expectNothingWrong(env: Record<string, string>, line: RegExp): Promise<void> {
    const found = await findings(env);
    expect(failed(found)).toEqual([]);
    expect(found.map(({ subject }) => subject)).toEqual(all);
    expect(found.map(findingLine).join('\n')).toMatch(line);
  }

  it('goes to the master that the sentinels name', async () => {
    const setup = await startSentinels();
    await expectNothingWrong({ REDIS_URL: setup.url }, /master mymaster of the sentinels 127\.0\.0\.1:\d+, /);
    const [line = ''] = failed(await findings({ REDIS_URL: setup.url.replace('mymaster', 'other') }));
    expect(line).toMatch(
      /^FAIL {2}redis {6}master other of the sentinels .*: let REDIS_URL name the sentinels/,
    );
    await setup.stop();
  }, 60_000);

  it('goes to every master of a cluster, and hears what is published there', async () => {
    const cluster = await startRedisCluster({ isSteady: true });
    const patient = { REDIS_URL: cluster.url, BRIDGE_REDIS_TIMEOUT_MS: '20000' };
    await expectNothingWrong(patient, /published and heard at 3 masters/);
    const bridge = await startBridge(cluster.url);
    const { url, close } = await gatewayTo(bridge.url);
    const way = { url, token: 'any', path: '/ws/ai/chat' };
    const whole = await findings(patient, Date.now, way);
    expect(whole.map(findingLine).join('\n')).toMatch(/loop {7}published and received in/);
    await bridge.bridge.close();
    close();
    const user = documentedUser('ws-bridge', '+ssubscribe');
    for (const { redis: node } of cluster.nodes) await node.call('ACL', 'SETUSER', ...user);
    const env = {
      BRIDGE_REDIS_USERNAME: 'ws-bridge',
      BRIDGE_REDIS_PASSWORD: 'secret',
      ...patient,
    };
    await expectNothingWrong(env, /published and heard at 3 masters/);
    const mute = ['SETUSER', 'ws-bridge', 'resetchannels', '&ai:stream:*'];
    for (const { redis: node } of cluster.nodes) await node.call('ACL', ...mute);
    expect(failed(await findings(env))[0]).toMatch(/NOPERM .*: give its user the rights in docs\/redis\.md$/);
    await cluster.stop();
  }, 60_000);

  it('says that no node of a cluster is there', async () => {
    const found = failed(await findings({ REDIS_URL: 'redis+cluster://u:hush@127.0.0.1:1,127.0.0.1:2' }));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(
      /^FAIL {2}redis {6}the cluster of 127\.0\.0\.1:1, .*ECONNREFUSED.*: start Redis/,
    );
    expect(found[0]).not.toContain('hush');
  });

  it('needs no more than the documented user may, by the URL or by variables', async () => {
    const admin = new Redis(redis.url);
    await admin.call('ACL', 'SETUSER', ...documentedUser('ws-bridge', '+subscribe'));
    await admin.acl('LOG', 'RESET');
    await expectNothingWrong({ REDIS_URL: redis.url.replace('://', '://ws-bridge:secret@') }, /heard/);
    const variables = { BRIDGE_REDIS_USERNAME: 'ws-bridge', BRIDGE_REDIS_PASSWORD: 'secret' };
    await expectNothingWrong(variables, /heard/);
    expect(await admin.acl('LOG')).toEqual([]);
    const [line] = failed(await findings({ ...variables, BRIDGE_REDIS_PASSWORD: 'wrong' }));
    expect(line).toMatch(
      /WRONGPASS.*: put the user and password of this Redis into REDIS_URL, or into BRIDGE_/,
    );
    admin.disconnect();
  });

  it('goes over TLS with the files that the bridge has', async () => {
    const ours = await makeCertificates();
    const secure = await startRedis((port) => [
      ...['--port', '0', '--tls-port', `${port}`, '--tls-cert-file', ours.cert],
      ...['--tls-key-file', ours.key, '--tls-ca-cert-file', ours.ca],
    ]);
    const env = {
      REDIS_URL: `rediss://127.0.0.1:${secure.port}`,
      BRIDGE_REDIS_TLS_CA_FILE: ours.ca,
      BRIDGE_REDIS_TLS_CERT_FILE: ours.cert,
      BRIDGE_REDIS_TLS_KEY_FILE: ours.key,
    };
    await expectNothingWrong(env, /heard/);
    const remedy = /: see BRIDGE_REDIS_TLS_CA_FILE, _CERT_FILE, _KEY_FILE and _SERVER_NAME$/;
    for (const wrong of [
      { BRIDGE_REDIS_TLS_SERVER_NAME: 'other.test' },
      { BRIDGE_REDIS_TLS_CA_FILE: '/nowhere' },
    ])
      expect(failed(await findings({ ...env, ...wrong }))[0]).toMatch(remedy);
    await secure.stop();
    await ours.remove();
  }, 60_000);
});
