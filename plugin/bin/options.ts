import { InvalidArgumentError, Option } from 'commander';
import { quoted } from '../../protocol/quoted';
import { LOG_LEVELS, readLogLevel } from '../../stdio/log-level';
import {
  DEFAULT_MAX_REFUSED_ADDRESSES,
  MAX_REFUSED_ADDRESSES_EXPECTED,
  readMaxRefusedAddresses,
} from '../decision/max-refused-addresses';
import { unknownVariables, type UnknownVariable } from '../../stdio/unknown-variables';
import { MAX_WORKERS, readWorkerCount } from '../../workers/worker-count';

/** The options on `ws-gatekeeper`'s command line when it serves. */
export interface ServeOptions {
  readonly socket?: string;
  readonly socketMode: number;
  readonly workers: number;
  readonly pluginInfo?: true;
  readonly luaSchema?: true;
  readonly pluginInfoFile?: string;
  readonly healthCheck?: true;
  readonly shutdownTimeoutMs: number;
  readonly adminHost: string;
  readonly adminPort?: number;
  readonly metricsMaxTenants: number;
}

/** Its options, in the order in which `--help` lists them. */
export const SERVE_OPTIONS: readonly Option[] = [
  new Option(
    '--socket <path>',
    'Unix socket to listen on; a server that listens there already is taken over from',
  ),
  new Option(
    '--socket-mode <octal>',
    "permission bits of the socket; Kong's user must be able to write to it",
  )
    .argParser(octal)
    .default(0o660, '660'),
  new Option(
    '--workers <number>',
    `processes that serve Kong's calls, 1 to ${MAX_WORKERS}, or auto for one a core; docs/operating.md says what each has of its own`,
  )
    .argParser(workers)
    .default(1),
  new Option('--plugin-info', "print the plugin's description for Kong's query_cmd (JSON) and exit"),
  new Option(
    '--lua-schema',
    'print the schema.lua of the plugin for a control plane, which has no gatekeeper beside it, and exit',
  ),
  new Option('--plugin-info-file <path>', 'write that description to a file before listening'),
  new Option('--shutdown-timeout-ms <ms>', 'how long calls in flight may take after SIGTERM')
    .argParser(milliseconds)
    .default(10_000),
  new Option(
    '--admin-port <port>',
    'serve /metrics and /livez there, on at most 64 connections, each of which has 5000 ms for its request; without it they are not served',
  ).argParser(port),
  new Option('--admin-host <host>', 'address for them').default('127.0.0.1'),
  new Option(
    '--metrics-max-tenants <number>',
    'refusals with 429 are exported by tenant, for as many tenants at a time; the rest share one label; 0 exports none',
  )
    .argParser(tenants)
    .default(0),
  new Option(
    '--health-check',
    'exit with 0 when a server answers on the socket, with 1 when none does within 4 s',
  ),
];

/** One environment variable. */
export interface Variable {
  readonly name: string;
  readonly default: string;
  readonly description: string;
}

const PREFIX = 'GATEKEEPER_';

/** The environment variables that it reads. */
export const VARIABLES: readonly Variable[] = [
  {
    name: 'GATEKEEPER_LOG_LEVEL',
    default: 'info',
    description: `least severe lines that are logged: ${LOG_LEVELS.join(', ')}`,
  },
  {
    name: 'GATEKEEPER_MAX_REFUSED_ADDRESSES',
    default: String(DEFAULT_MAX_REFUSED_ADDRESSES),
    description:
      'how many states of the limits by `ip` on refused upgrades are kept in memory. There is one for an address and a limit, of some 400 bytes. The least recently used one goes first',
  },
];

/** Why the environment cannot be used; undefined when it can. */
export function environmentFault(env: Environment): string | undefined {
  const level = env['GATEKEEPER_LOG_LEVEL'] ?? '';
  if (level !== '' && readLogLevel(level) === undefined) {
    return `GATEKEEPER_LOG_LEVEL: expected one of ${LOG_LEVELS.join(', ')}, got ${quoted(level)}`;
  }
  const addresses = env['GATEKEEPER_MAX_REFUSED_ADDRESSES'] ?? '';
  if (readMaxRefusedAddresses(addresses) !== undefined) return undefined;
  return `GATEKEEPER_MAX_REFUSED_ADDRESSES: expected ${MAX_REFUSED_ADDRESSES_EXPECTED}, got ${quoted(addresses)}`;
}

/** Variables of an environment that begin as those above and are none of them. */
export function unknownSettings(env: Environment): readonly UnknownVariable[] {
  return unknownVariables(
    env,
    PREFIX,
    VARIABLES.map(({ name }) => name),
  );
}

type Environment = Readonly<Record<string, string | undefined>>;

function octal(digits: string): number {
  if (!/^0?[0-7]{3}$/.test(digits))
    throw new InvalidArgumentError('Expected three octal digits, for example 660.');
  return Number.parseInt(digits, 8);
}

function port(text: string): number {
  const number = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || number > 65_535)
    throw new InvalidArgumentError('Expected a port, 0 to 65535.');
  return number;
}

function tenants(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text))
    throw new InvalidArgumentError('Expected a number of tenants, 0 to 99999, for example 100.');
  return Number(text);
}

function workers(text: string): number {
  const count = readWorkerCount(text);
  if (count === undefined)
    throw new InvalidArgumentError(`Expected a number of workers, 1 to ${MAX_WORKERS}, or auto.`);
  return count;
}

function milliseconds(text: string): number {
  if (!/^[0-9]{1,7}$/.test(text)) throw new InvalidArgumentError('Expected milliseconds, for example 10000.');
  return Number(text);
}
