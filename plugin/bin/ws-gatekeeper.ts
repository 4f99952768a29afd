#!/usr/bin/env node
import { randomUUID } from 'node:crypto';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Command, InvalidArgumentError } from 'commander';
import { endWithReader } from '../../stdio/closed-output';
import { EXIT_CODES, EXIT_CODES_HELP, UsageError } from '../../stdio/exit-codes';
import { pastedToken } from '../../stdio/pasted-token';
import { unknownVariableText } from '../../stdio/unknown-variables';
import { visibleLines } from '../../stdio/visible';
import { AdminPort } from '../admin/port';
import { OWN, type Told } from '../admin/server';
import { Name, Plugin, Version } from '../index';
import { log, relay, settle } from '../lib/log';
import { exportLimitedTenants, exportServerLoad, exportWorkers, registry } from '../metrics/metrics';
import { closeStores } from '../store/held-stores';
import { instanceMaker } from '../server/instance-maker';
import { luaSchema } from '../server/lua-schema';
import { OwnInstances } from '../server/own-instances';
import { pluginInfo } from '../server/plugin-info';
import { startPluginServer } from '../server/plugin-server';
import { answersAt } from '../server/sign-of-life';
import { SocketPath } from '../server/socket-path';
import { startWorkers, stopWorkers } from '../workers/gatekeeper-workers';
import { environmentFault, SERVE_OPTIONS, unknownSettings, VARIABLES, type ServeOptions } from './options';

interface VerifyFlags {
  readonly config: string;
  readonly path: string;
  readonly origin?: string;
}

const HEALTH_CHECK_TIMEOUT_MS = 4000;

const runOn = endWithReader();

const program = new Command('ws-gatekeeper')
  .description("Serves the ws-gatekeeper plugin to Kong over Kong's ProtoBuf plugin-server protocol.")
  .version(Version)
  .addHelpText('after', environmentHelp())
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.usage));
for (const option of SERVE_OPTIONS) program.addOption(option);

program
  .command('verify')
  .description(
    "Says what would be decided of a token, from Kong's declarative configuration, and why. Counts nothing and asks no Redis.",
  )
  .addHelpText('after', EXIT_CODES_HELP)
  .argument('<token>', `the user's token, with or without "Bearer", or - to read it from standard input`)
  .option(
    '--config <file>',
    "Kong's declarative file, or a KongPlugin; environment variables supply its {vault://env/…}",
    'kong.yml',
  )
  .option('--path <path>', 'the path of the upgrade, without a query', upgradePath, '/ws/ai/chat')
  .option('--origin <origin>', 'the Origin that a browser would send')
  .action(runVerify);

// Something that is no command is told from one that takes no argument.
program.allowExcessArguments().action((options: ServeOptions) => serveOrPrint(options));

program.parseAsync().catch((cause: unknown) => {
  log.fatal({ reason: (cause as Error).message }, 'ws-gatekeeper cannot start');
  closeStores();
  void settle().then(() => process.exit(1));
});

async function serveOrPrint(options: ServeOptions): Promise<void> {
  const [unknown] = program.args;
  if (unknown !== undefined) program.error(`error: unknown command '${unknown}', expected verify`);
  if (options.pluginInfo) {
    process.stdout.write(`${JSON.stringify(pluginInfo())}\n`);
    return;
  }
  if (options.luaSchema) {
    process.stdout.write(luaSchema());
    return;
  }
  const path = options.socket ?? program.error('error: --socket <path> is required');
  if (options.healthCheck) {
    process.exitCode = (await answersAt(path, HEALTH_CHECK_TIMEOUT_MS)) ? 0 : 1;
    return;
  }
  const fault = environmentFault(process.env);
  if (fault !== undefined) throw new Error(fault);
  // A server outlives who reads its log.
  runOn();
  for (const unknown of unknownSettings(process.env)) {
    const { name: variable, nearest } = unknown;
    log.warn({ variable, nearest }, unknownVariableText(unknown));
  }
  requireFolder('--socket', path);
  if (options.pluginInfoFile !== undefined) {
    requireFolder('--plugin-info-file', options.pluginInfoFile);
    writePluginInfo(options.pluginInfoFile);
  }
  await (options.workers === 1 ? serve(path, options) : serveWithWorkers(path, options));
}

async function runVerify(token: string, { config, path, origin }: VerifyFlags): Promise<void> {
  const [{ verify }, { report }] = await Promise.all([
    import('../verify/verify.js'),
    import('../verify/report.js'),
  ]);
  try {
    const given = pastedToken(token === '-' ? await text(process.stdin) : token);
    if (given === '') throw new UsageError('expected a token, as an argument or with - on standard input');
    const verification = await verify({
      token: given,
      configFile: config,
      pluginName: Name,
      path,
      origin,
      env: process.env,
      now: Date.now() / 1000,
      log,
    });
    if (verification.verdict.outcome !== 'admitted') process.exitCode = EXIT_CODES.refused;
    process.stdout.write(`${report(verification)}\n`);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    // For a person, not for the log.
    process.exitCode = EXIT_CODES.usage;
    process.stderr.write(`ws-gatekeeper: ${visibleLines(cause.message)}\n`);
  }
}

async function serve(path: string, options: ServeOptions): Promise<void> {
  const instances = new OwnInstances(instanceMaker((config) => new Plugin(config), log));
  const server = await startPluginServer(
    { path, mode: options.socketMode },
    { pluginName: Name, instances, log },
  );
  exportServerLoad(() => {
    const { connections, callsInFlight } = server;
    return { connections, callsInFlight, instances: instances.size };
  });
  exportLimitedTenants(options.metricsMaxTenants);
  await runUntilStopped(server.socketPath, options, OWN, async (timeoutMs) => {
    await server.close(timeoutMs);
    closeStores();
  });
}

async function serveWithWorkers(path: string, options: ServeOptions): Promise<void> {
  const { workers, metricsMaxTenants, adminPort } = options;
  const socketPath = new SocketPath(path, options.socketMode);
  const pool = await startWorkers({
    ...{ count: workers, file: join(__dirname, 'ws-gatekeeper-worker.js'), log, writeLine: relay },
    settings: { socketName: socketPath.ownName, metricsMaxTenants, hasMetrics: adminPort !== undefined },
    onListening() {
      // The socket went with the last worker, and this one made another.
      if (!socketPath.takeAgain()) giveUp('another listens on the socket, and no worker was left');
    },
    onGivenUp: giveUp,
  });
  socketPath.take();
  exportWorkers(pool);
  const told = {
    metrics: async () => pool.metrics(await registry.getMetricsAsJSON()),
    isLive: () => pool.ready > 0,
  };
  await runUntilStopped(socketPath, options, told, (timeoutMs) => stopWorkers(pool, timeoutMs));
}

/** Ends the process although nobody asked for it, with its workers: whatever started it starts it anew. */
function giveUp(reason: string): void {
  log.fatal({ reason }, 'ws-gatekeeper ends');
  void settle().then(() => process.exit(1));
}

/** Serves metrics, and ends all with SIGTERM, SIGINT or SIGHUP. */
async function runUntilStopped(
  socketPath: SocketPath,
  { adminHost: host, adminPort: port, shutdownTimeoutMs, workers }: ServeOptions,
  told: Told,
  close: (timeoutMs: number) => Promise<void>,
): Promise<void> {
  const isOwn = (inode: number) => socketPath.isOwn(inode);
  let admin: AdminPort | undefined;
  try {
    if (port !== undefined)
      admin = await AdminPort.open({ host, port, socketPath: socketPath.path, isOwn, told, log });
  } catch (cause) {
    await close(0);
    throw cause;
  }
  let stopping = false;
  // Heard before anybody can have read that it listens: until then a signal ends it on the spot.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void stop(signal));
  log.info({ socket: socketPath.path, version: Version, adminPort: admin?.port, workers }, 'listening');

  async function stop(signal: string): Promise<void> {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    admin?.close();
    await close(shutdownTimeoutMs);
    log.info('stopped');
    await settle();
    process.exit();
  }
}

function requireFolder(option: string, path: string): void {
  if (existsSync(dirname(path))) return;
  throw new Error(`${option} ${path}: expected the folder ${dirname(path)} to be there, and it is not`);
}

// Renamed into place, so that Kong never reads half a file.
function writePluginInfo(path: string): void {
  const own = `${path}.${randomUUID()}`;
  writeFileSync(own, `${JSON.stringify(pluginInfo())}\n`, { mode: 0o644 });
  renameSync(own, path);
}

function upgradePath(text: string): string {
  if (!/^\/[^?#\s]*$/.test(text))
    throw new InvalidArgumentError('Expected a path like /ws/ai/chat, without a query.');
  return text;
}

function environmentHelp(): string {
  const rows = VARIABLES.map(
    ({ name, default: fallback, description }) => `  ${name} [${fallback}]\n      ${description}`,
  );
  return `\nEnvironment:\n${rows.join('\n')}`;
}
