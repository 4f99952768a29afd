import { parse } from 'yaml';
import { z } from 'zod';
import { DEFAULT_WORKSPACE_ID, entityId, pluginId } from './ids';
import {
  DeclarationError,
  type Consumer,
  type Declaration,
  type DeclaredPlugin,
  type Route,
  type Service,
} from './entities';

const name = z.string().min(1);
const timeoutMs = z.int().min(1).max(2_147_483_646).default(60_000);
const protocols = z.array(z.enum(['http', 'https', 'grpc', 'grpcs', 'tcp', 'tls', 'udp', 'tls_passthrough']));
const tags = z.array(z.string()).nullish();
const path = z.string().regex(/^(~?)\//, 'should start with: / (fixed path) or ~/ (regex path)');
const reference = z.union([name, z.strictObject({ name }), z.strictObject({ id: name })]);

const pluginSchema = z.strictObject({
  id: name.optional(),
  name,
  instance_name: name.nullish(),
  enabled: z.boolean().default(true),
  protocols: protocols.optional(),
  config: z.record(z.string(), z.unknown()).nullish(),
  service: reference.nullish(),
  route: reference.nullish(),
  tags,
});

const routeSchema = z.strictObject({
  id: name.optional(),
  name: name.optional(),
  protocols: protocols.min(1).default(['http', 'https']),
  methods: z.array(z.string().regex(/^[A-Z]+$/)).nullish(),
  hosts: z.array(name).nullish(),
  paths: z.array(path).nullish(),
  strip_path: z.boolean().default(true),
  preserve_host: z.boolean().default(false),
  regex_priority: z.int().default(0),
  path_handling: z.literal('v0').default('v0'),
  https_redirect_status_code: z.literal([426, 301, 302, 307, 308]).default(426),
  request_buffering: z.boolean().default(true),
  response_buffering: z.boolean().default(true),
  service: reference.nullish(),
  plugins: z.array(pluginSchema).default([]),
  tags,
});

const serviceSchema = z.strictObject({
  id: name.optional(),
  name: name.optional(),
  enabled: z.boolean().default(true),
  url: z.url({ protocol: /^https?$/ }).optional(),
  protocol: z.enum(['http', 'https']).default('http'),
  host: name.optional(),
  port: z.int().min(0).max(65_535).optional(),
  path: path.nullish(),
  retries: z.int().min(0).max(32_767).default(5),
  connect_timeout: timeoutMs,
  write_timeout: timeoutMs,
  read_timeout: timeoutMs,
  routes: z.array(routeSchema).default([]),
  plugins: z.array(pluginSchema).default([]),
  tags,
});

const consumerSchema = z
  .strictObject({
    id: name.optional(),
    username: name.nullish(),
    custom_id: name.nullish(),
    tags,
  })
  .refine(({ username, custom_id: customId }) => (username ?? customId ?? null) !== null, {
    message: "at least one of these fields must be non-empty: 'custom_id', 'username'",
  });

const fileSchema = z.strictObject({
  _format_version: z.enum(['3.0', '2.1', '1.1']),
  _transform: z.literal(true).optional(),
  _comment: z.string().optional(),
  services: z.array(serviceSchema).default([]),
  routes: z.array(routeSchema).default([]),
  plugins: z.array(pluginSchema).default([]),
  consumers: z.array(consumerSchema).default([]),
});

type DeclaredService = z.infer<typeof serviceSchema>;
type DeclaredRoute = z.infer<typeof routeSchema>;
type PluginEntry = z.infer<typeof pluginSchema>;

/**
 * Reads a declarative configuration (`kong.yml`): services, routes and plugins, nested or not. An entry that Kong would
 * refuse is refused, and so is one that the stand-in does not have.
 * @param nowSeconds for `created_at`, seconds since the epoch
 * @throws DeclarationError naming the place and what was expected there
 */
export function parseDeclaration(text: string, nowSeconds: number): Declaration {
  const file = readFile(text);
  const gathered = new Gathered(nowSeconds);
  file.services.forEach((service, i) => {
    gathered.addService(service, `services[${i}]`);
  });
  file.routes.forEach((route, i) => {
    gathered.addRoute(route, undefined, `routes[${i}]`);
  });
  file.plugins.forEach((plugin, i) => {
    gathered.addPlugin(plugin, {}, `plugins[${i}]`);
  });
  file.consumers.forEach((consumer, i) => {
    gathered.addConsumer(consumer, `consumers[${i}]`);
  });
  return gathered;
}

function readFile(text: string): z.infer<typeof fileSchema> {
  let content: unknown;
  try {
    content = parse(text);
  } catch (cause) {
    throw new DeclarationError(`expected YAML: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const result = fileSchema.safeParse(content);
  if (result.success) return result.data;
  throw new DeclarationError(result.error.issues.map(explain).join('\n'));
}

function explain(issue: z.core.$ZodIssue): string {
  const place = issue.path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('');
  const where = place === '' ? 'top level' : place.replace(/^\./, '');
  if (issue.code !== 'unrecognized_keys') return `${where}: ${issue.message}`;
  return `${where}: the stand-in gateway does not know ${issue.keys.map((key) => `"${key}"`).join(', ')}`;
}

class Gathered implements Declaration {
  readonly services: Service[] = [];
  readonly routes: Route[] = [];
  readonly plugins: DeclaredPlugin[] = [];
  readonly consumers: Consumer[] = [];
  readonly #nowSeconds: number;

  constructor(nowSeconds: number) {
    this.#nowSeconds = nowSeconds;
  }

  addService(declared: DeclaredService, at: string): void {
    const { url, routes, plugins, ...fields } = declared;
    const id = declared.id ?? entityId('services', declared.name ?? at);
    const stamps = this.#stamps();
    const target = url === undefined ? ownTarget(fields, at) : urlTarget(url);
    const name = declared.name ?? null;
    this.services.push({ ...fields, ...target, ...stamps, id, name, tags: declared.tags ?? null });
    routes.forEach((route, i) => {
      this.addRoute(route, id, `${at}.routes[${i}]`);
    });
    plugins.forEach((plugin, i) => {
      this.addPlugin(plugin, { serviceId: id }, `${at}.plugins[${i}]`);
    });
  }

  addRoute(declared: DeclaredRoute, serviceId: string | undefined, at: string): void {
    const { plugins, service, ...fields } = declared;
    const { methods = null, hosts = null, paths = null, tags: routeTags = null } = declared;
    if (methods === null && hosts === null && paths === null)
      throw new DeclarationError(`${at}: must set one of 'methods', 'hosts', 'paths'`);
    const id = declared.id ?? entityId('routes', declared.name ?? at);
    const owner = serviceId ?? this.#find(this.services, service, `${at}.service`);
    const stamps = this.#stamps();
    this.routes.push({
      ...fields,
      ...stamps,
      ...{ id, methods, hosts, paths, tags: routeTags },
      name: declared.name ?? null,
      service: owner === undefined ? null : { id: owner },
    });
    plugins.forEach((plugin, i) => {
      this.addPlugin(plugin, { routeId: id }, `${at}.plugins[${i}]`);
    });
  }

  addPlugin(entry: PluginEntry, owner: { serviceId?: string; routeId?: string }, at: string): void {
    const serviceId = owner.serviceId ?? this.#find(this.services, entry.service, `${at}.service`);
    const routeId = owner.routeId ?? this.#find(this.routes, entry.route, `${at}.route`);
    const id = entry.id ?? pluginId(entry.name, routeId, serviceId);
    if (this.plugins.some((other) => other.id === id))
      throw new DeclarationError(`${at}: uniqueness violation: "${entry.name}" is there already`);
    const { name: pluginName, enabled, protocols: served } = entry;
    const common = { id, name: pluginName, enabled, protocols: served, routeId, serviceId, at };
    this.plugins.push({ ...common, instance_name: entry.instance_name ?? null, config: entry.config ?? {} });
  }

  addConsumer(declared: z.infer<typeof consumerSchema>, at: string): void {
    const { username = null, custom_id = null, tags: consumerTags = null } = declared;
    const id = declared.id ?? entityId('consumers', username ?? at);
    const isTaken = this.consumers.some(
      (other) => other.id === id || (username !== null && other.username === username),
    );
    if (isTaken) throw new DeclarationError(`${at}: uniqueness violation: the consumer is there already`);
    this.consumers.push({ id, username, custom_id, tags: consumerTags, ...this.#stamps() });
  }

  #stamps(): { readonly created_at: number; readonly updated_at: number; readonly ws_id: string } {
    return { created_at: this.#nowSeconds, updated_at: this.#nowSeconds, ws_id: DEFAULT_WORKSPACE_ID };
  }

  #find(
    entities: readonly { id: string; name: string | null }[],
    wanted: z.infer<typeof reference> | null | undefined,
    at: string,
  ): string | undefined {
    if (wanted === null || wanted === undefined) return undefined;
    const key = typeof wanted === 'string' ? wanted : 'name' in wanted ? wanted.name : wanted.id;
    const found = entities.find((entity) => entity.name === key || entity.id === key);
    if (found === undefined) throw new DeclarationError(`${at}: invalid reference: "${key}"`);
    return found.id;
  }
}

type Target = Pick<Service, 'protocol' | 'host' | 'port' | 'path'>;

function ownTarget(fields: Pick<DeclaredService, 'protocol' | 'host' | 'port' | 'path'>, at: string): Target {
  const { protocol, host, port = 80, path: base = null } = fields;
  if (host === undefined) throw new DeclarationError(`${at}.host: required field missing`);
  return { protocol, host, port, path: base };
}

/** The shorthand `url` (kong/db/schema/entities/services.lua). */
function urlTarget(text: string): Target {
  const url = new URL(text);
  const protocol = url.protocol === 'https:' ? 'https' : 'http';
  const port = url.port === '' ? (protocol === 'https' ? 443 : 80) : Number(url.port);
  const base = /^https?:\/\/[^/?#]*(\/[^?#]*)/.exec(text)?.[1] ?? null;
  return { protocol, host: url.hostname, port, path: base };
}
