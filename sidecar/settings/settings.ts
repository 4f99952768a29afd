import type { HeaderNames } from '../../protocol/headers';
import { quoted } from '../../protocol/quoted';
import { isServiceAddress } from '../../stdio/service-links';
import { hasStrayLineEnd } from '../../protocol/line-end';
import { unknownVariables, unknownVariableText, type UnknownVariable } from '../../stdio/unknown-variables';
import type { Row, SettingRow } from './row';
import { TABLE } from './table';
import { HOLDINGS, shareOf, type Holding, type Holdings } from './worker-shares';

export { STRAY_LINE_END } from '../../protocol/line-end';
export { LOG_LEVELS, type LogLevel } from '../../stdio/log-level';
export { MAX_RING_FRAMES } from './resume-rows';
export type { SettingRow } from './row';
export type { Holding } from './worker-shares';

/** The values of a table's rows, and of the tables in it, once read. */
type Read<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Row<infer Value, infer Default>
    ? Value | (Default extends undefined ? undefined : never)
    : Read<Table[Name]>;
};

/** Everything an operator can set, read from the environment by {@link parseSettings}: what is in {@link TABLE}. */
export type Settings = Read<typeof TABLE>;

/** Settings that cannot be used. The message lists every bad variable; it never quotes a secret. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly code = 'ERR_SETTINGS_INVALID';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`invalid settings:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** All settings, in the order in which `--help` lists them. */
export const SETTING_ROWS: readonly SettingRow[] = rowsOf(TABLE);

/** Whose each setting is in a bridge of several workers, in the same order. */
export const SETTING_HOLDINGS: readonly (readonly [SettingRow, Holding])[] = holdingsOf(TABLE, HOLDINGS);

const PREFIX = 'BRIDGE_';

/** So many tenants that use up their shares at once leave room for each other. */
const MIN_TENANTS_IN_STREAM = 4;

/** Variables of an environment that begin as settings do and are none. */
export function unknownSettings(
  env: Readonly<Record<string, string | undefined>>,
): readonly UnknownVariable[] {
  return unknownVariables(
    env,
    PREFIX,
    SETTING_ROWS.map(({ name }) => name),
  );
}

/** Variables of an environment with a secret that ends in a line break. */
export function strayLineEnds(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return rowsOf(TABLE)
    .filter(({ name, isSecret }) => isSecret === true && hasStrayLineEnd(env[name] ?? ''))
    .map(({ name }) => name);
}

/**
 * Reads the settings from an environment. A variable that is unset or empty takes its default.
 * @returns a frozen object
 * @throws SettingsError that names every bad variable, what was expected, and what it is unless it is a secret
 */
export function parseSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const faults: string[] = [];
  // A bad value is in `faults` by the end, so nobody sees settings that lack it.
  const settings = readTable(TABLE, valueOf) as Settings;
  if (!given(TABLE.assertionSecret) && !given(TABLE.assertionPublicKey)) {
    faults.push(
      `BRIDGE_ASSERTION_SECRET or BRIDGE_ASSERTION_PUBLIC_KEY: expected at least one of the two, so that assertions can be verified`,
    );
  }
  faults.push(...sharedHeaderFaults(settings.headers), ...shareFaults(settings), ...joinFaults(settings));
  faults.push(...workerShareFaults(settings));
  if (faults.length > 0) {
    // One that is missing may be there under a name that is nearly right.
    throw new SettingsError([...faults, ...unknownSettings(env).map(unknownVariableText)]);
  }
  return settings;

  function given(setting: SettingRow): boolean {
    return (env[setting.name] ?? '') !== '';
  }

  function valueOf(setting: AnyRow): unknown {
    const value = given(setting) ? env[setting.name] : setting.default;
    if (value === undefined) return undefined;
    const read = setting.read(value);
    if (read === undefined) faults.push(`${setting.name}: ${faultOf(setting, value)}`);
    return read;
  }
}

/** The settings of each worker of a bridge that has several. */
export function workerSettings(settings: Settings): Settings {
  return shareOf(settings, HOLDINGS as Holdings, settings.workers);
}

type AnyRow = Row<unknown>;

/** Rows by the setting's name, some of them in groups. */
interface Table {
  readonly [name: string]: AnyRow | Table;
}

function isRow(entry: AnyRow | Table): entry is AnyRow {
  return typeof entry.read === 'function';
}

function rowsOf(table: Table): readonly AnyRow[] {
  return Object.values(table).flatMap((entry) => (isRow(entry) ? [entry] : rowsOf(entry)));
}

function readTable(table: Table, valueOf: (row: AnyRow) => unknown): Readonly<Record<string, unknown>> {
  const entries = Object.entries(table).map(([name, entry]) => [
    name,
    isRow(entry) ? valueOf(entry) : readTable(entry, valueOf),
  ]);
  return Object.freeze(Object.fromEntries(entries) as Record<string, unknown>);
}

function holdingsOf(table: Table, holdings: object): readonly (readonly [AnyRow, Holding])[] {
  return Object.entries(holdings).flatMap(([name, holding]: [string, Holding | object]) => {
    const entry = table[name];
    if (entry === undefined) return [];
    return isRow(entry) ? [[entry, holding as Holding] as const] : holdingsOf(entry, holding as object);
  });
}

function faultOf({ expected, faultOf: own, isSecret = false }: AnyRow, value: string): string {
  if (isServiceAddress(value)) {
    return `expected ${expected}, got the address that Kubernetes sets for a Service of that name: give the Service another name, or its pods enableServiceLinks: false`;
  }
  const fault = own?.(value) ?? `expected ${expected}`;
  return isSecret ? fault : `${fault}, got ${quoted(value)}`;
}

/** One tenant must not push out of the stream what others have added a moment ago. */
function shareFaults({ commandTenantBytes: share, commandStreamMaxBytes: all }: Settings): readonly string[] {
  const most = Math.floor(all / MIN_TENANTS_IN_STREAM);
  // A bad value is NaN or undefined here, and has a fault of its own.
  if (!(share > most)) return [];
  return [
    `${TABLE.commandTenantBytes.name}: expected at most a quarter of ${TABLE.commandStreamMaxBytes.name} (${most}), or 0 for any number, got ${share}`,
  ];
}

/** Each topic of a tenant's share makes two entries. */
function joinFaults({
  presenceTenantJoins: share,
  presenceStreamMaxLength: all,
}: Settings): readonly string[] {
  const most = Math.floor(all / MIN_TENANTS_IN_STREAM / 2);
  if (!(share > most)) return [];
  return [
    `${TABLE.presenceTenantJoins.name}: expected at most an eighth of ${TABLE.presenceStreamMaxLength.name} (${most}), or 0 for any number, got ${share}`,
  ];
}

/** A share of nothing would be a share of any number. */
function workerShareFaults(settings: Settings): readonly string[] {
  const { workers } = settings;
  return numbersOf(settings, HOLDINGS as Holdings, TABLE)
    .filter(([, value]) => value > 0 && value < workers)
    .map(
      ([name, value]) =>
        `${name}: expected at least ${workers}, so that each of ${TABLE.workers.name} has a share of it, got ${value}`,
    );
}

/** The divided settings: their names and values. */
function numbersOf(values: object, holdings: Holdings, table: Table): readonly (readonly [string, number])[] {
  return Object.entries(values).flatMap(([name, value]: [string, unknown]) => {
    const [holding, entry] = [holdings[name], table[name]];
    if (holding === undefined || entry === undefined) return [];
    if (typeof holding === 'object' && !isRow(entry)) return numbersOf(value as object, holding, entry);
    return holding === 'divided' && isRow(entry) ? [[entry.name, value as number] as const] : [];
  });
}

/** Two kinds of header under one name could not both be checked. */
function sharedHeaderFaults(headers: HeaderNames): readonly string[] {
  const names = Object.values(headers).map((name: string | undefined) => name?.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (names.includes(undefined) || twice === undefined) return [];
  return [`BRIDGE_*_HEADER: expected five different header names, got ${quoted(twice)} twice`];
}
