import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { ConfigError } from '../schema/config-error';

/** A service or a route by its name or id, as an entry at the top names the one that it is of. */
const reference = z.union([
  z.string(),
  z.looseObject({ name: z.string().nullish(), id: z.string().nullish() }),
]);
const plugins = z.array(
  z.looseObject({
    name: z.string(),
    enabled: z.boolean().nullish(),
    config: z.record(z.string(), z.unknown()).nullish(),
    route: reference.nullish(),
    service: reference.nullish(),
    consumer: z.unknown().optional(),
  }),
);
const route = z.looseObject({
  id: z.string().nullish(),
  name: z.string().nullish(),
  paths: z.array(z.string()).nullish(),
  plugins: plugins.nullish(),
});
const file = z.looseObject({
  services: z
    .array(
      z.looseObject({
        id: z.string().nullish(),
        name: z.string().nullish(),
        routes: z.array(route).nullish(),
        plugins: plugins.nullish(),
      }),
    )
    .nullish(),
  plugins: plugins.nullish(),
});

const kongPlugin = z.looseObject({
  kind: z.enum(['KongPlugin', 'KongClusterPlugin']),
  plugin: z.string(),
  disabled: z.boolean().nullish(),
  metadata: z.looseObject({ name: z.string().optional() }).optional(),
  config: z.record(z.string(), z.unknown()).nullish(),
});

/** The plugin's configuration on the route that a path leads to. */
export interface DeclaredConfig {
  readonly route: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * Finds the configuration that holds for a path in a declarative file with nested routes. It is the route's, else the
 * service's, else the global one, of those that are enabled. Among several routes the one with the longest matching path counts,
 * a regular expression before a prefix, as Kong's traditional router has it. Hosts, methods and priorities are not
 * looked at. Among Kubernetes' objects it is the plugin's KongPlugin, whatever the path: which route has it stands
 * elsewhere.
 * @throws ConfigError when the file is none, or no route with the plugin leads there
 */
export function declaredConfig(path: string, pluginName: string, fileName: string): DeclaredConfig {
  const documents = readDocuments(fileName);
  if (documents.some(isKubernetes)) return kubernetesConfig(documents, pluginName, fileName);
  const { services, plugins: global } = kongFile(documents, fileName);
  const candidates = (services ?? []).flatMap((service) =>
    (service.routes ?? []).flatMap((entry) =>
      (entry.paths ?? []).map((pattern) => ({ service, entry, score: matchScore(pattern, path, fileName) })),
    ),
  );
  const [best] = candidates.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score);
  if (best === undefined) throw new ConfigError(`${fileName}: expected a route for ${path}`);
  const { entry, service } = best;
  const atTop = global ?? [];
  const plugin = [
    [...(entry.plugins ?? []), ...atTop.filter((one) => refersTo(one.route, entry))],
    [...(service.plugins ?? []), ...atTop.filter((one) => !one.route && refersTo(one.service, service))],
    atTop.filter((one) => !one.route && !one.service && !one.consumer),
  ]
    .flat()
    // One that is not enabled is none to Kong.
    .find(({ name, enabled }) => name === pluginName && enabled !== false);
  const name = entry.name ?? entry.paths?.join(', ') ?? 'unnamed';
  if (plugin === undefined) {
    throw new ConfigError(
      `${fileName}: expected plugin ${pluginName} on route ${name}, its service, or globally`,
    );
  }
  return { route: name, config: plugin.config ?? {} };
}

/** Whether an entry at the top is of this service or route. */
function refersTo(
  given: z.infer<typeof reference> | null | undefined,
  { id, name }: { readonly id?: string | null | undefined; readonly name?: string | null | undefined },
): boolean {
  if (given === null || given === undefined) return false;
  const wanted = typeof given === 'string' ? given : (given.name ?? given.id);
  return typeof wanted === 'string' && (wanted === name || wanted === id);
}

function readDocuments(fileName: string): readonly unknown[] {
  try {
    return parseAllDocuments(readFileSync(fileName, 'utf8')).map((document) => {
      for (const error of document.errors) throw error;
      return document.toJS() as unknown;
    });
  } catch (cause) {
    throw new ConfigError(`${fileName}: expected a readable YAML or JSON file (${reasonOf(cause)})`);
  }
}

function kongFile([content, ...others]: readonly unknown[], fileName: string): z.infer<typeof file> {
  const result = file.safeParse(content);
  if (!result.success || others.length > 0) {
    const reason = result.success ? 'several documents in one file' : z.prettifyError(result.error);
    throw new ConfigError(
      `${fileName}: expected Kong's declarative configuration, or a KongPlugin\n${reason}`,
    );
  }
  return result.data;
}

function isKubernetes(document: unknown): boolean {
  return typeof document === 'object' && document !== null && 'apiVersion' in document && 'kind' in document;
}

function kubernetesConfig(
  documents: readonly unknown[],
  pluginName: string,
  fileName: string,
): DeclaredConfig {
  const found = documents
    .map((document) => kongPlugin.safeParse(document).data)
    .find((object) => object?.plugin === pluginName && object.disabled !== true);
  if (found === undefined) {
    throw new ConfigError(
      `${fileName}: expected a KongPlugin or KongClusterPlugin of ${pluginName} among its objects`,
    );
  }
  if ('configFrom' in found || 'configPatches' in found) {
    throw new ConfigError(`${fileName}: expected a KongPlugin whose config stands in it, not in a secret`);
  }
  return {
    route: `any with ${found.kind} ${found.metadata?.name ?? ''}`.trimEnd(),
    config: found.config ?? {},
  };
}

/** YAML's messages quote the line, which may hold a secret. */
function reasonOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? 'not a file';
}

const REGEX_BONUS = 1_000_000;

/** 0 when it does not match. Kong anchors a regular expression, which begins with `~`, at its beginning. */
function matchScore(pattern: string, path: string, fileName: string): number {
  if (!pattern.startsWith('~')) return path.startsWith(pattern) ? pattern.length : 0;
  const source = pattern.slice(1);
  return anchored(source, fileName).test(path) ? REGEX_BONUS + source.length : 0;
}

/** @throws ConfigError for one that Node does not read; Kong's own are PCRE, which is nearly the same */
function anchored(source: string, fileName: string): RegExp {
  try {
    return new RegExp(`^(?:${source})`);
  } catch {
    throw new ConfigError(`${fileName}: route path ~${source}: expected a regular expression`);
  }
}
