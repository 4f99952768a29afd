import { Command, InvalidArgumentError } from 'commander';
import { startGateway, type Log, type LogLevel } from './gateway';
import { parseResolve, type ResolveMap } from './http/targets';

const LEVELS: readonly LogLevel[] = ['alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'];

interface Flags {
  readonly config: string;
  readonly port: number;
  readonly host: string;
  readonly queryCmd: string;
  readonly socket: string;
  readonly resolve: ResolveMap;
  readonly pluginServerTimeoutMs: number;
  readonly workers: number;
  readonly logLevel: LogLevel;
}

const command = new Command('gateway')
  .description('Stand-in for Kong on machines without Docker. It is not Kong, and says so.')
  .option('--config <file>', 'declarative configuration', 'kong.yml')
  .option('--port <port>', 'port to listen on, 0 for a free one', integer, 8000)
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .requiredOption('--query-cmd <command>', "prints the plugin's dump, as pluginserver_X_query_cmd")
  .requiredOption('--socket <path>', "the plugin server's Unix socket")
  .option('--resolve <host:port=host:port>', 'connect elsewhere (repeatable)', overrides, {})
  .option('--plugin-server-timeout-ms <ms>', 'for connecting and each read', integer, 60_000)
  .option('--workers <count>', 'workers with instances of their own', integer, 1)
  .option('--log-level <level>', LEVELS.join(', '), level, 'notice');

void main(command.parse().opts<Flags>());

async function main(flags: Flags): Promise<void> {
  try {
    const gateway = await startGateway({
      configFile: flags.config,
      port: flags.port,
      host: flags.host,
      queryCommand: flags.queryCmd,
      socketPath: flags.socket,
      resolve: flags.resolve,
      pluginServerTimeoutMs: flags.pluginServerTimeoutMs,
      workers: flags.workers,
      log: logger(flags.logLevel),
    });
    process.on('SIGHUP', () => {
      gateway.reload().catch(fault);
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => void gateway.close());
    }
    // One line on stdout says that it listens and where.
    console.log(JSON.stringify({ ready: true, url: gateway.url, port: gateway.port }));
  } catch (cause) {
    fault(cause);
    process.exitCode = 1;
  }
}

function fault(cause: unknown): void {
  console.error(`gateway: ${cause instanceof Error ? cause.message : String(cause)}`);
}

function logger(least: LogLevel): Log {
  return (severity, message) => {
    if (LEVELS.indexOf(severity) <= LEVELS.indexOf(least)) console.error(`[${severity}] ${message}`);
  };
}

function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number');
  return Number(text);
}

function level(text: string): LogLevel {
  const found = LEVELS.find((name) => name === text);
  if (found === undefined) throw new InvalidArgumentError(`expected one of ${LEVELS.join(', ')}`);
  return found;
}

function overrides(text: string, before: ResolveMap): ResolveMap {
  try {
    return { ...before, ...parseResolve([text]) };
  } catch (cause) {
    throw new InvalidArgumentError(cause instanceof Error ? cause.message : String(cause));
  }
}
