import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigError } from '../config/config';

const plugins = z.array(
  z.looseObject({ name: z.string(), config: z.record(z.string(), z.unknown()).nullish() }),
);
const route = z.looseObject({
  name: z.string().nullish(),
  paths: z.array(z.string()).nullish(),
  plugins: plugins.nullish(),
});
const file = z.looseObject({
  services: z
    .array(
      z.looseObject({
        name: z.string().nullish(),
        routes: z.array(route).nullish(),
        plugins: plugins.nullish(),
      }),
    )
    .nullish(),
  plugins: plugins.nullish(),
});

/** The plugin's configuration on the route that a path leads to. */
export interface DeclaredConfig {
  readonly route: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * Finds the configuration that holds for a path in a declarative file with nested routes and plugins: the route's,
 * else the service's, else the global one. Of several routes the one with the longest matching path, a regular
 * expression before a prefix, as Kong's traditional router has it; hosts, methods and priorities are not looked at.
 * @throws ConfigError when the file is none, or no route with the plugin leads there
 */
export function declaredConfig(path: string, pluginName: string, fileName: string): DeclaredConfig {
  const { services, plugins: global } = readKongFile(fileName);
  const candidates = (services ?? []).flatMap((service) =>
    (service.routes ?? []).flatMap((entry) =>
      (entry.paths ?? []).map((pattern) => ({ service, entry, score: matchScore(pattern, path) })),
    ),
  );
  const [best] = candidates.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score);
  if (best === undefined) throw new ConfigError(`${fileName}: expected a route for ${path}`);
  const named = (list: z.infer<typeof plugins> | null | undefined) =>
    list?.find(({ name }) => name === pluginName);
  const plugin = named(best.entry.plugins) ?? named(best.service.plugins) ?? named(global);
  const name = best.entry.name ?? best.entry.paths?.join(', ') ?? 'unnamed';
  if (plugin === undefined) {
    throw new ConfigError(
      `${fileName}: expected plugin ${pluginName} on route ${name}, its service, or globally`,
    );
  }
  return { route: name, config: plugin.config ?? {} };
}

function readKongFile(fileName: string): z.infer<typeof file> {
  let content: unknown;
  try {
    content = parse(readFileSync(fileName, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`${fileName}: expected a readable YAML or JSON file (${reasonOf(cause)})`);
  }
  const result = file.safeParse(content);
  if (!result.success) {
    throw new ConfigError(
      `${fileName}: expected Kong's declarative configuration\n${z.prettifyError(result.error)}`,
    );
  }
  return result.data;
}

/** YAML's messages quote the line, which may hold a secret. */
function reasonOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? 'not a file';
}

const REGEX_BONUS = 1_000_000;

/** 0 when it does not match. Kong anchors a regular expression, which begins with `~`, at its beginning. */
function matchScore(pattern: string, path: string): number {
  if (!pattern.startsWith('~')) return path.startsWith(pattern) ? pattern.length : 0;
  const source = pattern.slice(1);
  return new RegExp(`^(?:${source})`).test(path) ? REGEX_BONUS + source.length : 0;
}
