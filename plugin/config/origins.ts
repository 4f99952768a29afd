const WILDCARD = '*.';
/** Any Origin: as if none were listed, but beside others. */
export const ANY_ORIGIN = '*';
/** Stands for the wildcard label while the rest is read: a label that no name needs. */
const PLACEHOLDER = 'any-label.';

/**
 * An Origin, or one with a wildcard label, as a browser writes it (RFC 6454 §6.2, URL Standard "origin"). Scheme and
 * host are in lower case, the host in punycode. There is no default port and no slash at the end. `*` is any Origin.
 * @returns undefined for what is no Origin: with a path, a query, a user, or another `*`
 */
export function canonicalOrigin(text: string): string | undefined {
  if (text === 'null' || text === ANY_ORIGIN) return text;
  const [, scheme = '', host = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#@\s\\]+)\/?$/.exec(text) ?? [];
  const wildcard = host.startsWith(WILDCARD);
  const name = wildcard ? host.slice(WILDCARD.length) : host;
  if (name === '' || name.includes('*')) return undefined;
  const origin = `${scheme.toLowerCase()}://${wildcard ? PLACEHOLDER : ''}${name}`;
  const canonical = /^https?:/.test(origin) ? specialOrigin(origin) : origin.toLowerCase();
  return wildcard ? canonical?.replace(PLACEHOLDER, WILDCARD) : canonical;
}

function specialOrigin(text: string): string | undefined {
  const url = URL.parse(text);
  return url === null || url.origin === 'null' ? undefined : url.origin;
}
