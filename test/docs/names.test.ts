import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { SERVE_OPTIONS, VARIABLES } from '../../plugin/bin/options';
import { LOGGED_AS } from '../../plugin/kongs-words';
import { SCHEMA, type SchemaField } from '../../plugin/schema/index';
import { GATEKEEPER_REFUSALS } from '../../protocol/refusals';
import { SETTING_ROWS } from '../../sidecar/settings/settings';
import {
  UPGRADE_OUTCOMES,
  REFUSED_BYTES,
  HISTORY_OUTCOMES,
  STATE_OUTCOMES,
} from '../../sidecar/metrics/outcomes';

const ROOT = join(__dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** An operator's reading, besides what is made from the schemas. */
const TEXTS = [
  ...['.', 'docs', 'docs/adr', 'client', 'service', 'examples/matih'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md') && name !== 'configuration.md')
      .map((name) => join(folder, name)),
  ),
  'deploy/prometheus/alerts.yml',
  'deploy/grafana/ws-bridge.json',
];

/** Names with an underscore that are not ours, by whose they are. */
const NAMES_OF_OTHERS = new Set([
  // Kong's.
  ...[
    'content_type',
    'entity_checks',
    'http_statuses',
    'require_content_length',
    'nginx_main_worker_shutdown_timeout',
    'read_timeout',
    'real_ip_header',
  ],
  ...[
    'real_ip_recursive',
    'tcp_failures',
    'tracing_instrumentations',
    'trusted_ips',
    'upstream_uri',
    'exposed_headers',
  ],
  ...['db_update_frequency', 'lua_max_req_headers', 'lua_package_path', 'lua_schema', 'query_cmd'],
  // Those of Kong's rate-limiting and jwt plugins.
  ...['limit_by', 'error_code', 'claims_to_verify', 'secret_is_base64', 'run_on_preflight'],
  // Compose's and Prometheus's.
  ...['depends_on', 'service_healthy', 'stop_grace_period', 'process_resident_memory_bytes', 'runbook_url'],
  ...['process_open_fds', 'process_max_fds'],
  // Those of tokens and keys: RFC 7517 and RFC 9396, the issuers' claims, the assertion's.
  ...['key_ops', 'tenant_id', 'user_id', 'api_key', 'token_exp', 'token_jti', 'authorization_details'],
  // Those of a stream's entries (PROTOCOL.md).
  'request_id',
  // Those of an answer's frames (PROTOCOL.md §3).
  ...['step_start', 'step_complete', 'tool_call', 'tool_result'],
]);

/** A field's name, and its path within `config`. */
function namesOf(fields: readonly SchemaField[], path = ''): readonly string[] {
  return fields.flatMap((field) =>
    Object.entries(field).flatMap(([name, { fields: own, elements, values }]) => [
      ...[name, `${path}${name}`],
      ...[own, elements?.fields, values?.fields].flatMap((inner) => namesOf(inner ?? [], `${path}${name}.`)),
    ]),
  );
}

const known = new Set<string>([
  ...namesOf(SCHEMA),
  ...Object.keys(GATEKEEPER_REFUSALS),
  ...UPGRADE_OUTCOMES,
  ...REFUSED_BYTES,
  ...STATE_OUTCOMES,
  ...HISTORY_OUTCOMES,
  LOGGED_AS,
  ...NAMES_OF_OTHERS,
]);
const variables = new Set([...SETTING_ROWS, ...VARIABLES].map(({ name }) => name));

/** Names that a text has and the code does not. Metrics are held by test/deploy/observability.test.ts. */
function unknownIn(text: string): readonly string[] {
  const inCapitals = [...text.matchAll(/\b(?:BRIDGE|GATEKEEPER)_[A-Z0-9_]*[A-Z0-9]\b/g)].map(
    ([name]) => name,
  );
  const quoted = [...text.matchAll(/`([a-z][a-z0-9]*(?:\.[a-z0-9]+)*_[a-z0-9_.]*[a-z0-9])`/g)].map(
    ([, name = '']) => name,
  );
  return [
    ...inCapitals.filter((name) => !variables.has(name)),
    ...quoted.filter((name) => !known.has(name) && !/^ws_(bridge|gatekeeper)_/.test(name)),
  ];
}

describe('the names of settings, fields and outcomes', () => {
  it('are missed when they have lost their beginning, or never were', () => {
    expect(
      unknownIn('`caching_seconds`, `jwks_cache_seconds`, `redis.key_prefix`, `redis.key_suffix`'),
    ).toEqual(['caching_seconds', 'redis.key_suffix']);
    expect(unknownIn('BRIDGE_PING_INTERVAL_MS=1 BRIDGE_PING_MS=1 GATEKEEPER_LEVEL')).toEqual([
      'BRIDGE_PING_MS',
      'GATEKEEPER_LEVEL',
    ]);
  });

  it.each(TEXTS.filter((path) => path !== 'CHANGELOG.md'))('are those of the code: %s', (path) => {
    expect(unknownIn(read(path))).toEqual([]);
  });

  it('are those of the code in what an alert says', () => {
    const said = [...read('deploy/prometheus/alerts.yml').matchAll(/(?:summary|description): (.*)/g)];
    const words = said.flatMap(([, text = '']) => [...text.matchAll(/\b[a-z]+_[a-z_]+\b/g)].map(([w]) => w));
    expect(words.length).toBeGreaterThan(0);
    expect(words.filter((word) => !known.has(word))).toEqual([]);
  });

  it('are all in docs/configuration.md, and it names no other', () => {
    const first = [...read('docs/configuration.md').matchAll(/^\| `([^` ]+)[^`]*` /gm)].map(([, name = '']) =>
      name.replaceAll('[]', '').replaceAll('.*', ''),
    );
    const own = namesOf(SCHEMA);
    const ofCode = [...own, ...variables, ...SERVE_OPTIONS.map(({ flags }) => flags.split(' ')[0] ?? '')];
    expect(first.filter((name) => !ofCode.includes(name))).toEqual([]);
    const listed = new Set(first.flatMap((name) => [name, name.split('.').at(-1) ?? '']));
    expect(ofCode.filter((name) => !listed.has(name))).toEqual([]);
  });
});
