/** A request's target as nginx goes by it. */
export interface RequestTarget {
  /** Path, query and fragment, as they came. */
  readonly target: string;
  /** The host that stood before them, which goes before the Host header in `$host`. */
  readonly authority: string | undefined;
}

const ABSOLUTE = /^[a-z][a-z\d+.-]*:\/\/([^/?#@]+)((?:[/?#].*)?)$/i;

/** Takes the scheme and the host off a target in absolute form (RFC 9112 §3.2.2), as clients send it to a proxy. */
export function readTarget(text: string): RequestTarget {
  const [, authority, rest = ''] = ABSOLUTE.exec(text) ?? [];
  if (authority === undefined) return { target: text, authority };
  return { target: rest.startsWith('/') ? rest : `/${rest}`, authority };
}
