import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIN_SECRET_BYTES } from '../protocol/keys';
import {
  DEFAULT_BRIDGE_ADMIN_PORT,
  DEFAULT_BRIDGE_PORT,
  DEFAULT_GATEWAY_PORT,
  DEFAULT_TOKEN_TTL_SECONDS,
  DEV_ASSERTION_SECRET,
  DEV_JWT_SECRET,
} from './defaults';
import { issueToken } from './issue-token';
import { expectFree, portFrom } from './ports';
import { bridgeLine, Stack, type StackSettings } from './stack';

const folder = mkdtempSync(join(tmpdir(), 'ws-bridge-dev-'));
let stack: Stack | undefined;
let stopping: Promise<void> | undefined;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    void stop(0);
  });
}

main().catch((cause: unknown) => {
  if (stopping !== undefined) return;
  console.error(cause instanceof Error ? cause.message : String(cause));
  void stop(1);
});

async function main(): Promise<void> {
  const settings = readSettings();
  await expectFree('GATEWAY_PORT', settings.gatewayPort);
  await expectFree('BRIDGE_PORT', settings.bridgePort);
  await expectFree('BRIDGE_ADMIN_PORT', settings.bridgeAdminPort);
  stack = new Stack(settings);
  await stack.start();
  console.log(await greeting(settings, stack.redisUrl));
  await stack.failure();
}

function readSettings(): StackSettings {
  const { env } = process;
  const jwtSecret = env['JWT_SECRET'] ?? DEV_JWT_SECRET;
  if (Buffer.byteLength(jwtSecret) < MIN_SECRET_BYTES)
    throw new Error(`JWT_SECRET: expected at least ${MIN_SECRET_BYTES} bytes`);
  return {
    root: join(__dirname, '../..'),
    folder,
    gatewayPort: portFrom('GATEWAY_PORT', env['GATEWAY_PORT'], DEFAULT_GATEWAY_PORT),
    bridgePort: portFrom('BRIDGE_PORT', env['BRIDGE_PORT'], DEFAULT_BRIDGE_PORT),
    bridgeAdminPort: portFrom('BRIDGE_ADMIN_PORT', env['BRIDGE_ADMIN_PORT'], DEFAULT_BRIDGE_ADMIN_PORT),
    redisUrl: env['REDIS_URL'],
    jwtSecret,
    assertionSecret: env['ASSERTION_SECRET'] ?? DEV_ASSERTION_SECRET,
  };
}

async function greeting(settings: StackSettings, redisUrl: string): Promise<string> {
  const { gatewayPort, bridgePort, bridgeAdminPort, jwtSecret } = settings;
  const whom = { tenant: 'acme', user: 'u1', roles: ['analyst'], ttlSeconds: DEFAULT_TOKEN_TTL_SECONDS };
  const token = await issueToken(whom, jwtSecret, Math.floor(Date.now() / 1000));
  const isDefault = jwtSecret === DEV_JWT_SECRET;
  const flags = [
    ...(gatewayPort === DEFAULT_GATEWAY_PORT ? [] : [`--url ws://127.0.0.1:${gatewayPort}`]),
    ...(isDefault ? [] : [`--token ${token}`]),
  ];
  return [
    `page      http://127.0.0.1:${gatewayPort}/  (open it in a browser, in two tabs)`,
    `gateway   ws://127.0.0.1:${gatewayPort}  (a stand-in that speaks Kong's plugin-server protocol; not Kong)`,
    bridgeLine(bridgePort, bridgeAdminPort),
    `redis     ${redisUrl}`,
    `logs      ${folder}`,
    isDefault ? `secret    JWT_SECRET=${jwtSecret} (development only)` : 'secret    JWT_SECRET, yours',
    `token     (acme/u1, good for ${DEFAULT_TOKEN_TTL_SECONDS / 60} minutes)`,
    token,
    '',
    'Try it, in a second shell:',
    `npm run -s chat -- ${[...flags, '"How was revenue?"'].join(' ')}`,
  ].join('\n');
}

function stop(code: number): Promise<void> {
  process.exitCode ??= code;
  stopping ??= (stack?.stop() ?? Promise.resolve()).then(() => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(code);
  });
  return stopping;
}
