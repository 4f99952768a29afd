import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIN_SECRET_BYTES } from '../protocol/keys';
import { describeTarget, parseRedisUrl } from '../redis/url';
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
/** When a signal came last, in milliseconds of the monotonic clock. */
let askedAt = 0;

/** The signals that end a process unless it listens. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGALRM'] as const;
/** Signals closer than this are one, in milliseconds: a terminal and npm both pass one Ctrl-C on. */
const SAME_SIGNAL_MS = 500;
/** How often it is looked whether npm is still there, in milliseconds. */
const NPM_CHECK_MS = 500;

for (const signal of SIGNALS) process.on(signal, askedToStop);
// Nobody reads any more: `npm start | head`, or a terminal that is gone.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => void stop(0));
process.once('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
followNpm();

main().catch((cause: unknown) => {
  if (stopping !== undefined) return;
  console.error(cause instanceof Error ? cause.message : String(cause));
  void stop(1);
});

async function main(): Promise<void> {
  const settings = readSettings();
  await expectFree({
    GATEWAY_PORT: settings.gatewayPort,
    BRIDGE_PORT: settings.bridgePort,
    BRIDGE_ADMIN_PORT: settings.bridgeAdminPort,
  });
  stack = new Stack(settings);
  await stack.start();
  console.log(await greeting(settings, stack.redisUrl));
  await stack.failure();
}

function readSettings(): StackSettings {
  const { env } = process;
  return {
    root: join(__dirname, '../..'),
    folder,
    gatewayPort: portFrom('GATEWAY_PORT', env['GATEWAY_PORT'], DEFAULT_GATEWAY_PORT),
    bridgePort: portFrom('BRIDGE_PORT', env['BRIDGE_PORT'], DEFAULT_BRIDGE_PORT),
    bridgeAdminPort: portFrom('BRIDGE_ADMIN_PORT', env['BRIDGE_ADMIN_PORT'], DEFAULT_BRIDGE_ADMIN_PORT),
    redisUrl: env['REDIS_URL'] === '' ? undefined : env['REDIS_URL'],
    jwtSecret: secretFrom('JWT_SECRET', env['JWT_SECRET'], DEV_JWT_SECRET),
    assertionSecret: secretFrom('ASSERTION_SECRET', env['ASSERTION_SECRET'], DEV_ASSERTION_SECRET),
  };
}

function secretFrom(name: string, text: string | undefined, fallback: string): string {
  const secret = text ?? fallback;
  const bytes = Buffer.byteLength(secret);
  if (bytes >= MIN_SECRET_BYTES) return secret;
  throw new Error(`${name}: expected at least ${MIN_SECRET_BYTES} bytes, got ${bytes}`);
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
    `redis     ${whereIs(redisUrl)}`,
    `logs      ${folder}`,
    isDefault ? `secret    JWT_SECRET=${jwtSecret} (development only)` : 'secret    JWT_SECRET, yours',
    `token     (acme/u1, good for ${DEFAULT_TOKEN_TTL_SECONDS / 60} minutes)`,
    token,
    '',
    'Try it, in a second shell:',
    `npm run -s chat -- ${[...flags, '"How was revenue?"'].join(' ')}`,
  ].join('\n');
}

/** The first time in order; the second time at once: what still runs is killed when this process ends. */
function askedToStop(): void {
  const now = performance.now();
  const again = stopping !== undefined && now - askedAt > SAME_SIGNAL_MS;
  askedAt = now;
  if (again) process.exit(1);
  void stop(0);
}

/** npm passes SIGINT and SIGTERM on. When anything else ends it, its child only sees that it has another parent. */
function followNpm(): void {
  if (process.env['npm_lifecycle_event'] !== 'start') return;
  const npm = process.ppid;
  setInterval(() => {
    if (process.ppid !== npm) void stop(0);
  }, NPM_CHECK_MS).unref();
}

/** Without user and password. */
function whereIs(redisUrl: string): string {
  const target = parseRedisUrl(redisUrl);
  return target === undefined ? 'REDIS_URL' : describeTarget(target);
}

function stop(code: number): Promise<void> {
  process.exitCode ??= code;
  stopping ??= (stack?.stop() ?? Promise.resolve()).finally(() => process.exit());
  return stopping;
}
