#!/usr/bin/env node
import { Command } from 'commander';
import { endWithReader } from '../../stdio/closed-output';
import { EXIT_CODES, EXIT_CODES_HELP, exitCodeOf } from '../../stdio/exit-codes';
import { maxOpenFiles } from '../../stdio/open-files';
import { packageVersion } from '../../stdio/package-version';
import { processLog, type ProcessLog } from '../../stdio/process-log';
import { unknownVariableText } from '../../stdio/unknown-variables';
import { visibleLines } from '../../stdio/visible';
import type { Bridge } from '../bridge';
import { builtInRoutesFile } from '../routes/file';
import { openFilesFault } from '../settings/open-files';
import {
  parseSettings,
  SETTING_ROWS,
  STRAY_LINE_END,
  strayLineEnds,
  unknownSettings,
  type Settings,
} from '../settings/settings';
import { milliseconds, readToken, routePath, TOKEN_HELP, webSocketUrl } from './command-options';

interface DoctorFlags {
  readonly gateway?: URL;
  readonly token?: string;
  readonly path: string;
  readonly timeoutMs: number;
}

interface TailFlags {
  readonly token?: string;
  readonly resume?: string;
}

const runOn = endWithReader();

const program = new Command('ws-bridge')
  .description('Verifies what the gateway vouches for, and carries messages between WebSockets and Redis.')
  .version(packageVersion())
  .addHelpText('after', settingsHelp())
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.usage))
  // Something that is no command is told from one that takes no argument.
  .allowExcessArguments()
  .action(run);

program
  .command('doctor')
  .allowExcessArguments(false)
  .description(
    'Checks settings, keys and Redis as the bridge would use them, and with --gateway the whole way through a gateway: upgrade, publish, receive.',
  )
  .addHelpText('after', EXIT_CODES_HELP)
  .option(
    '--gateway <url>',
    'wss://gateway.example, with the path before the routes if it has one',
    webSocketUrl,
  )
  .option('--token <jwt>', TOKEN_HELP)
  .option('--path <path>', 'a route with a session, to upgrade on', routePath, '/ws/ai/chat')
  .option('--timeout-ms <ms>', 'for each step through the gateway', milliseconds, 5000)
  .action(runDoctor);

program
  .command('tail')
  .allowExcessArguments(false)
  .description(
    'Connects as a client and prints what comes, a frame a line; states, gaps and refusals go to standard error.',
  )
  .addHelpText('after', EXIT_CODES_HELP)
  .argument('<url>', 'gateway and route: wss://gateway.example/ws/notifications', webSocketUrl)
  .option('--token <jwt>', TOKEN_HELP)
  .option('--resume <point>', 'go on from where an earlier tail ended')
  .action(runTail);

program
  .command('routes')
  .allowExcessArguments(false)
  .description('Prints the built-in route table as a file for BRIDGE_ROUTES_FILE to begin with.')
  .action(() => {
    process.stdout.write(builtInRoutesFile());
  });

program.parseAsync().catch((error: unknown) => {
  // Which variable, file or port it is stands in the message; a stack would only hide it.
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`ws-bridge: ${visibleLines(message)}\n`);
  process.exit(exitCodeOf(error));
});

async function run(): Promise<void> {
  const [unknown] = program.args;
  if (unknown !== undefined)
    program.error(`error: unknown command '${unknown}', expected doctor, tail or routes`);
  const settings = parseSettings(process.env);
  // A server outlives who reads its log.
  runOn();
  const processOwn = processLog(settings.logLevel, { name: 'ws-bridge' });
  const { log } = processOwn;
  log.info({ version: packageVersion(), node: process.version }, 'starting');
  for (const unknown of unknownSettings(process.env)) {
    const { name: variable, nearest } = unknown;
    log.warn({ variable, nearest }, unknownVariableText(unknown));
  }
  for (const variable of strayLineEnds(process.env)) log.warn({ variable }, STRAY_LINE_END);
  const filesFault = openFilesFault(settings, maxOpenFiles());
  if (filesFault !== undefined) log.warn(filesFault);
  const bridge = await bridgeOf(settings, processOwn);
  endWithSignals(bridge, processOwn);
  await bridge.start();
}

type Runs = Pick<Bridge, 'start' | 'drain' | 'close'>;

/** A signal ends the process: gently, unless it is SIGINT. */
function endWithSignals(bridge: Runs, { log, settle }: ProcessLog): void {
  let drained: Promise<void> | undefined;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    log.info({ signal }, 'closing');
    if (signal !== 'SIGINT' && drained !== undefined) return;
    await (signal === 'SIGINT' ? bridge.close() : (drained = bridge.drain()));
    log.info('closed');
    await settle();
    process.exit(0);
  };
  // SIGHUP comes from a terminal that closes, and from people who expect that files are read anew. Unheard it would cut everybody.
  process.on('SIGHUP', (signal) => void stop(signal));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));
}

/** One process, or a primary with its workers. */
async function bridgeOf(settings: Settings, { log, relay, droppedLines, settle }: ProcessLog): Promise<Runs> {
  // Neither needs anything of the other's code, nor its memory.
  if (settings.workers === 1) {
    const { createBridge } = await import('../bridge.js');
    return createBridge(settings, { log, droppedLogLines: droppedLines });
  }
  const { BridgeWorkers } = await import('../workers/bridge-workers.js');
  return new BridgeWorkers(settings, {
    ...{ log, writeLine: relay, droppedLogLines: droppedLines },
    onGivenUp: (reason) => {
      log.fatal({ reason }, 'ws-bridge ends');
      void settle().then(() => process.exit(1));
    },
  });
}

async function runDoctor({ gateway: url, token, path, timeoutMs }: DoctorFlags): Promise<void> {
  // A command line that only runs the bridge need not load it.
  const [{ diagnose }, { findingLine }] = await Promise.all([
    import('../doctor/doctor.js'),
    import('../doctor/finding.js'),
  ]);
  const gateway = url === undefined ? undefined : { url, token: await readToken(token), path };
  const options = { env: process.env, gateway, timeoutMs, now: Date.now };
  for await (const finding of diagnose(options)) {
    if (!finding.ok) process.exitCode = EXIT_CODES.refused;
    process.stdout.write(`${findingLine(finding)}\n`);
  }
}

async function runTail(url: URL, flags: TailFlags): Promise<void> {
  const token = await readToken(flags.token);
  const { startTail } = await import('../tail/tail.js');
  const tail = startTail({
    url,
    token,
    resume: flags.resume,
    out: (line) => process.stdout.write(`${line}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      tail.stop();
    });
  process.exitCode = await tail.ended;
}

function settingsHelp(): string {
  const rows = SETTING_ROWS.map(({ name, default: fallback, unit, description }) => {
    const value = fallback === undefined ? '' : ` [${fallback}${unit === undefined ? '' : ` ${unit}`}]`;
    return `  ${name}${value}\n      ${description}`;
  });
  return `\nEnvironment:\n${rows.join('\n')}`;
}
