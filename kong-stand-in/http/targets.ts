/** Where services really are: `host:port` as in kong.yml, and where to connect instead; several places with commas between them. */
export type ResolveMap = Readonly<Record<string, string>>;

/** An address to connect to. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** The addresses of a service, after the overrides: like lines in `/etc/hosts`, but with ports. */
export function targetsOf(host: string, port: number, resolve: ResolveMap): readonly Target[] {
  const override = resolve[`${host}:${port}`];
  return override === undefined ? [{ host, port }] : parseTargets(override);
}

function parseTargets(text: string): readonly Target[] {
  return text.split(',').map(parseTarget);
}

/**
 * Reads `host:port`.
 * @throws Error saying what was expected
 */
export function parseTarget(text: string): Target {
  const matched = /^(.+):(\d+)$/.exec(text);
  if (matched?.[1] === undefined) throw new Error(`expected host:port, got "${text}"`);
  return { host: matched[1].replace(/^\[(.*)\]$/, '$1'), port: Number(matched[2]) };
}

/**
 * Reads overrides as the command line has them, `ws-bridge:8080=127.0.0.1:18080`.
 * @throws Error saying what was expected
 */
export function parseResolve(texts: readonly string[]): ResolveMap {
  return Object.fromEntries(
    texts.map((text): [string, string] => {
      const [from, to, ...rest] = text.split('=');
      if (from === undefined || to === undefined || rest.length > 0)
        throw new Error(`expected host:port=host:port, got "${text}"`);
      parseTarget(from);
      parseTargets(to);
      return [from, to];
    }),
  );
}
