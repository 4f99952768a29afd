import { generateKeyPairSync } from 'node:crypto';
import { availableParallelism } from 'node:os';
import {
  parseSettings,
  SETTING_HOLDINGS,
  SETTING_ROWS,
  SettingsError,
  strayLineEnds,
  workerSettings,
} from '../../../sidecar/settings/settings';

const SECRET = 'a secret of at least 32 bytes, yes';

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    parseSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

describe('settings', () => {
  it('have a default for everything but the key', () => {
    const settings = parseSettings({ BRIDGE_ASSERTION_SECRET: SECRET });
    expect(settings).toMatchObject({
      host: '0.0.0.0',
      port: 8080,
      adminPort: 9090,
      redisUrl: 'redis://127.0.0.1:6379',
      pingIntervalMs: 30_000,
      maxFrameBytes: 1_048_576,
      maxCommandBytes: 65_536,
      maxCommandValues: 10_000,
      maxRelayBytes: 262_144,
      maxOneWayFrameBytes: 4096,
      messageTimeoutMs: 30_000,
      sessionTtlMs: 86_400_000,
      channelPrefix: '',
      commandStream: 'ai:commands',
      commandStreamMaxLength: 100_000,
      handshakeTimeoutMs: 5000,
      redisTimeoutMs: 1000,
      headers: { tenant: 'X-Tenant-ID', assertion: 'X-Gateway-Assertion' },
      logLevel: 'info',
    });
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it('are read from the environment, an empty variable counting as unset', () => {
    const settings = parseSettings({
      BRIDGE_ASSERTION_SECRET: SECRET,
      BRIDGE_PORT: '0',
      BRIDGE_HOST: '',
      BRIDGE_TENANT_HEADER: 'X-Org',
    });
    expect(settings).toMatchObject({ port: 0, host: '0.0.0.0', headers: { tenant: 'X-Org' } });
  });

  it('with a secret that ends in a line break are found: no assertion would verify, and nothing said why', () => {
    const env = {
      BRIDGE_ASSERTION_SECRET: `${SECRET}\n`,
      BRIDGE_ASSERTION_SECRET_PREVIOUS: SECRET,
      BRIDGE_ASSERTION_PUBLIC_KEY: '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n',
      BRIDGE_REDIS_PASSWORD: 'word\r\n',
      BRIDGE_HOST: 'no secret\n',
    };
    expect(strayLineEnds(env)).toEqual(['BRIDGE_REDIS_PASSWORD', 'BRIDGE_ASSERTION_SECRET']);
  });

  it('need a secret or a public key', () => {
    expect(faultsOf({})).toEqual([
      expect.stringMatching(/^BRIDGE_ASSERTION_SECRET or BRIDGE_ASSERTION_PUBLIC_KEY: expected/),
    ]);
    const { publicKey } = generateKeyPairSync('ed25519');
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const jwk = JSON.stringify(publicKey.export({ format: 'jwk' }));
    expect(faultsOf({ BRIDGE_ASSERTION_PUBLIC_KEY: pem })).toEqual([]);
    expect(faultsOf({ BRIDGE_ASSERTION_PUBLIC_KEY: jwk })).toEqual([]);
  });

  it('refuse options in the query of a Redis URL, by their names', () => {
    const env = {
      BRIDGE_ASSERTION_SECRET: SECRET,
      REDIS_URL: 'redis://:hush@h?enableOfflineQueue=true&db=2',
    };
    expect(faultsOf(env)).toEqual([
      'REDIS_URL: expected no query parameters, got enableOfflineQueue, db: the database stands in the path, the rest has settings of its own',
    ]);
  });

  it.each(['{staging}:', 'sta ging:', 'staging:*', 'ws:', 'x'.repeat(129)])(
    'say of the prefix %s what is expected',
    (prefix) => {
      const env = { BRIDGE_ASSERTION_SECRET: 'x'.repeat(32), BRIDGE_CHANNEL_PREFIX: prefix };
      expect(() => parseSettings(env)).toThrow(
        /BRIDGE_CHANNEL_PREFIX: expected at most 128 characters of printable ASCII without spaces, braces/,
      );
    },
  );

  it.each(['tcp://10.0.0.1:8080', 'udp://10.0.0.1:53'])(
    'say whose doing it is that BRIDGE_PORT is %s',
    (address) => {
      expect(faultsOf({ BRIDGE_ASSERTION_SECRET: SECRET, BRIDGE_PORT: address })).toEqual([
        expect.stringMatching(
          /^BRIDGE_PORT: expected a whole number .* Kubernetes sets for a Service of that name/,
        ),
      ]);
    },
  );

  it('name every bad variable and what was expected, at once', () => {
    const faults = faultsOf({
      BRIDGE_ASSERTION_SECRET: SECRET,
      BRIDGE_PORT: '65536',
      BRIDGE_PING_INTERVAL_MS: '0',
      BRIDGE_MAX_FRAME_BYTES: '1e6',
      BRIDGE_LOG_LEVEL: 'loud',
      BRIDGE_USER_HEADER: 'X User',
      REDIS_URL: 'http://redis',
    });
    expect(faults).toEqual([
      'BRIDGE_PORT: expected a whole number from 0 to 65535, got "65536"',
      'REDIS_URL: expected redis://, redis+sentinel://host:port,…/master-name or redis+cluster://host:port,…, with rediss for TLS',
      'BRIDGE_PING_INTERVAL_MS: expected a whole number from 1 to 2147483647, got "0"',
      'BRIDGE_MAX_FRAME_BYTES: expected a whole number from 1 to 1073741824, got "1e6"',
      'BRIDGE_USER_HEADER: expected an HTTP field name, got "X User"',
      'BRIDGE_LOG_LEVEL: expected one of silent, fatal, error, warn, info, debug, trace, got "loud"',
    ]);
  });

  it.each([
    'Host',
    'connection',
    'UPGRADE',
    'Sec-WebSocket-Key',
    'Content-Length',
    'Transfer-Encoding',
    'Cookie',
  ])('take %s for none of the headers of the gatekeeper, as the plugin does', (name) => {
    const headers = ['TENANT', 'USER', 'ROLES', 'REQUEST_ID', 'ASSERTION'].map((of) => `BRIDGE_${of}_HEADER`);
    const faults = faultsOf(Object.fromEntries(headers.map((header) => [header, name])));
    const said = `expected a header that is no part of HTTP, of the handshake or of the gateway, got "${name}"`;
    expect(faults).toEqual(expect.arrayContaining(headers.map((header) => `${header}: ${said}`)));
  });

  it('never quote a secret', () => {
    const faults = faultsOf({
      BRIDGE_ASSERTION_SECRET: 'short-secret',
      BRIDGE_ASSERTION_PUBLIC_KEY: 'not-a-key',
      REDIS_URL: 'tcp://user:password@redis',
    }).join();
    expect(faults).toContain('BRIDGE_ASSERTION_SECRET: expected at least 32 bytes, got 12,');
    expect(faults).toContain('BRIDGE_ASSERTION_PUBLIC_KEY: expected a public key in PEM or JWK');
    expect(faults).not.toMatch(/short-secret|not-a-key|password/);
  });

  it('refuse one name for two kinds of header, whatever its case', () => {
    const faults = faultsOf({ BRIDGE_ASSERTION_SECRET: SECRET, BRIDGE_USER_HEADER: 'x-tenant-id' });
    expect(faults).toEqual([
      'BRIDGE_*_HEADER: expected five different header names, got "x-tenant-id" twice',
    ]);
  });

  it.each([
    ['4194305', '16777216', 4_194_304],
    ['8388608', '65536', 16_384],
  ])("refuse a tenant's share of %s bytes in a command stream of %s", (share, all, most) => {
    const env = {
      BRIDGE_ASSERTION_SECRET: SECRET,
      BRIDGE_COMMAND_STREAM_MAX_BYTES: all,
      BRIDGE_COMMAND_TENANT_BYTES: share,
    };
    expect(faultsOf(env)).toEqual([
      `BRIDGE_COMMAND_TENANT_BYTES: expected at most a quarter of BRIDGE_COMMAND_STREAM_MAX_BYTES (${most}), or 0 for any number, got ${share}`,
    ]);
    for (const good of ['0', `${most}`]) {
      expect(faultsOf({ ...env, BRIDGE_COMMAND_TENANT_BYTES: good })).toEqual([]);
    }
  });

  it.each([
    ['2501', '20000', 2500],
    ['2000', '80', 10],
  ])("refuse a tenant's share of %s topics in a stream of presence of %s entries", (share, all, most) => {
    const env = {
      BRIDGE_ASSERTION_SECRET: SECRET,
      BRIDGE_PRESENCE_STREAM_MAX_LENGTH: all,
      BRIDGE_PRESENCE_TENANT_JOINS: share,
    };
    expect(faultsOf(env)).toEqual([
      `BRIDGE_PRESENCE_TENANT_JOINS: expected at most an eighth of BRIDGE_PRESENCE_STREAM_MAX_LENGTH (${most}), or 0 for any number, got ${share}`,
    ]);
    for (const good of ['0', `${most}`]) {
      expect(faultsOf({ ...env, BRIDGE_PRESENCE_TENANT_JOINS: good })).toEqual([]);
    }
  });

  it('each have a name of their own and a description', () => {
    const names = SETTING_ROWS.map((row) => row.name);
    expect(new Set(names).size).toBe(names.length);
    expect(SETTING_ROWS.filter((row) => row.description.length < 10)).toEqual([]);
  });
});

describe('the settings of a bridge with several workers', () => {
  const settings = (env: Record<string, string>) =>
    parseSettings({ BRIDGE_ASSERTION_SECRET: SECRET, BRIDGE_WORKERS: '3', ...env });

  it('are divided where they are a budget of the bridge, and never add up to more than it', () => {
    const whole = settings({ BRIDGE_MAX_CONNECTIONS: '50000', BRIDGE_METRICS_MAX_TENANTS: '10' });
    const share = workerSettings(whole);
    expect(share).toMatchObject({
      maxConnections: 16_666,
      maxSubscriptions: 33_333,
      maxPendingPosts: 85,
      ringTotalBytes: Math.floor(whole.ringTotalBytes / 3),
      ringTenantBytes: Math.floor(whole.ringTenantBytes / 3),
      bufferTotalBytes: Math.floor(whole.bufferTotalBytes / 3),
      bufferTenantBytes: Math.floor(whole.bufferTenantBytes / 3),
      unfinishedTotalBytes: Math.floor(whole.unfinishedTotalBytes / 3),
      unfinishedTenantBytes: Math.floor(whole.unfinishedTenantBytes / 3),
      maxRelayBacklogBytes: Math.floor(whole.maxRelayBacklogBytes / 3),
      metricsMaxTenants: 3,
    });
    for (const kind of ['commands', 'relay'] as const) {
      expect(share.byteRates[kind].socket).toEqual(whole.byteRates[kind].socket);
      for (const owner of ['user', 'tenant'] as const)
        for (const part of ['perSecond', 'burst'] as const)
          expect(share.byteRates[kind][owner][part]).toBe(Math.floor(whole.byteRates[kind][owner][part] / 3));
    }
  });

  it('hold as they stand where they are a connection’s, a span of time, or Redis counts them for all', () => {
    const whole = settings({});
    const divided = SETTING_HOLDINGS.filter(([, holding]) => holding === 'divided').map(([{ name }]) => name);
    const share = workerSettings(whole);
    const changed = Object.keys(whole).filter(
      (name) =>
        JSON.stringify(share[name as keyof typeof share]) !==
        JSON.stringify(whole[name as keyof typeof whole]),
    );
    expect(changed).toEqual([
      ...['maxConnections', 'maxSubscriptions', 'maxPendingPosts', 'maxRelayBacklogBytes'],
      ...['bufferTotalBytes', 'bufferTenantBytes', 'unfinishedTotalBytes', 'unfinishedTenantBytes'],
      ...['byteRates', 'ringTotalBytes', 'ringTenantBytes'],
    ]);
    expect(divided).toHaveLength(changed.length - 1 + 8 + 1);
  });

  it('say of each variable whose it is', () => {
    expect(SETTING_HOLDINGS.map(([{ name }]) => name).sort()).toEqual(
      SETTING_ROWS.map(({ name }) => name).sort(),
    );
  });

  it('leave any number any number', () => {
    const share = workerSettings(
      settings({ BRIDGE_MAX_CONNECTIONS: '0', BRIDGE_TENANT_RELAY_BYTES_PER_SECOND: '0' }),
    );
    expect([share.maxConnections, share.byteRates.relay.tenant.perSecond]).toEqual([0, 0]);
  });

  it('must be enough for a share each: a share of nothing would be any number', () => {
    const env = {
      BRIDGE_ASSERTION_SECRET: SECRET,
      BRIDGE_MAX_CONNECTIONS: '2',
      BRIDGE_USER_RELAY_BYTES_BURST: '1',
    };
    expect(faultsOf({ ...env, BRIDGE_WORKERS: '3' })).toEqual([
      'BRIDGE_MAX_CONNECTIONS: expected at least 3, so that each of BRIDGE_WORKERS has a share of it, got 2',
      'BRIDGE_USER_RELAY_BYTES_BURST: expected at least 3, so that each of BRIDGE_WORKERS has a share of it, got 1',
    ]);
    expect(faultsOf(env)).toEqual([]);
  });

  it.each(['0', '65', 'two', '-1', '1.5', 'AUTO'])(
    'take no number of workers but 1 to 64 and auto: %s',
    (text) => {
      expect(faultsOf({ BRIDGE_ASSERTION_SECRET: SECRET, BRIDGE_WORKERS: text })).toEqual([
        `BRIDGE_WORKERS: expected a whole number from 1 to 64, or auto for one a core, got "${text}"`,
      ]);
    },
  );

  it('take auto for as many as there are cores', () => {
    expect(settings({ BRIDGE_WORKERS: 'auto' }).workers).toBe(Math.min(availableParallelism(), 64));
  });
});
