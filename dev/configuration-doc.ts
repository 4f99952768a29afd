import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { SERVE_OPTIONS, VARIABLES } from '../plugin/bin/options';
import { SCHEMA, type FieldRule, type SchemaField } from '../plugin/schema';
import { SETTING_HOLDINGS, SETTING_ROWS, type Holding } from '../sidecar/settings/settings';

/** docs/configuration.md: every setting of the gatekeeper and of the bridge, from their schemas and options. */
export async function configurationDoc(): Promise<string> {
  const text = [
    '# Configuration',
    '<!-- Made from the schemas by `npm run docs`; a test holds the two together. -->',
    '## The gatekeeper: `config` of the plugin `ws-gatekeeper`',
    'Fields marked *vault* may be references such as `{vault://env/jwt-secret}`, which Kong resolves.',
    table(['Field', 'Type', 'Default', 'Meaning'], fieldRows(SCHEMA)),
    '## The gatekeeper: command line and environment of `ws-gatekeeper`',
    table(['Option', 'Default', 'Meaning'], optionRows()),
    table(['Variable', 'Default', 'Meaning'], variableRows()),
    '## The bridge: environment of `ws-bridge`',
    table(['Variable', 'Unit', 'Default', 'Workers', 'Meaning'], settingRows()),
    '### With several workers (`BRIDGE_WORKERS`)',
    table(['Workers', 'How the setting holds'], HOLDINGS),
    SHARES_NOTE,
  ].join('\n\n');
  const file = join(__dirname, '../.prettierrc.json');
  return format(text, { ...(await resolveConfig(file)), parser: 'markdown' });
}

function optionRows(): string[][] {
  return SERVE_OPTIONS.map(({ flags, defaultValue, defaultValueDescription, description }) => {
    const fallback = defaultValueDescription ?? (defaultValue as string | number | undefined);
    return [code(flags), code(fallback === undefined ? undefined : String(fallback)), description];
  });
}

function variableRows(): string[][] {
  return VARIABLES.map((variable) => [code(variable.name), code(variable.default), variable.description]);
}

function settingRows(): string[][] {
  const holdings = new Map(SETTING_HOLDINGS.map(([{ name }, holding]) => [name, holding]));
  return SETTING_ROWS.map(({ name, unit = '', default: fallback, description }) => [
    ...[code(name), unit, code(fallback), holdings.get(name) ?? '', description],
  ]);
}

const HOLDINGS: readonly (readonly [Holding, string])[] = [
  [
    'divided',
    'Each worker has its share, rounded down: together they have no more than the setting. It is at least the number of workers, or 0 for any number.',
  ],
  ['whole', 'Once for all workers: in their primary, or in Redis, which counts for all bridges.'],
  ['each', 'In each worker as it stands: for a connection, a replay log, a message, a span of time.'],
];

const SHARES_NOTE = [
  'A share of what a user or a tenant may send at once still lets the largest message through (`BRIDGE_MAX_COMMAND_BYTES`, `BRIDGE_MAX_RELAY_BYTES`).',
  'Where the share is less, each worker takes one such message.',
  'A tenant gets its label in `ws_bridge_tenant_connections` from each worker by itself, so that its sockets at another may count as `other`.',
].join(' ');

function fieldRows(fields: readonly SchemaField[], prefix = ''): string[][] {
  return fields.flatMap((field) =>
    Object.entries(field).flatMap(([name, rule]) => [
      [code(`${prefix}${name}`), typeOf(rule), defaultOf(rule), rule.description ?? ''],
      ...fieldRows(rule.fields ?? [], `${prefix}${name}.`),
      ...fieldRows(rule.elements?.fields ?? [], `${prefix}${name}[].`),
      ...fieldRows(rule.values?.fields ?? [], `${prefix}${name}.*.`),
    ]),
  );
}

function typeOf(rule: FieldRule): string {
  const values = rule.one_of ?? rule.elements?.one_of;
  return [
    rule.type,
    rule.elements === undefined ? '' : `of ${rule.elements.type}`,
    values === undefined ? '' : values.map((value) => code(value)).join(' '),
    rule.between === undefined ? '' : `${rule.between[0]}–${rule.between[1]}`,
    rule.referenceable === true ? '*vault*' : '',
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function defaultOf(rule: FieldRule): string {
  if (rule.default !== undefined) return code(JSON.stringify(rule.default));
  if (rule.type === 'record') return '';
  return rule.required === true ? '**required**' : 'none';
}

function code(text: string | undefined): string {
  return text === undefined || text === '' ? '' : `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

if (require.main === module) {
  void configurationDoc().then((text) => {
    writeFileSync(join(__dirname, '../../docs/configuration.md'), text);
  });
}
