/** RFC 3986 §2.3. */
const UNRESERVED = /^[A-Za-z0-9._~-]$/;
/**
 * The characters that stay as they are unescaped: RFC 3986's reserved and unreserved characters, and the escapes
 * themselves.
 */
const UNSAFE = /[^A-Za-z0-9._~\-!*'();:@&=+$,/?%#[\]]/gu;

/**
 * The one spelling of a request path (without its query), the same for whoever reads it. A client sends a path, Kong routes
 * by one and hands it to plugins, and sends one upstream: all have the same spelling. It is the spelling
 * of Kong's upstream requests (kong/tools/uri.lua, normalize and escape). Escapes of unreserved characters are undone, and all others stay, in upper
 * case. Slashes are merged. Dot segments are resolved (RFC 3986 §5.2.4). So `%2F` in an id is part of the id, and no slash.
 */
export function canonicalPath(path: string): string {
  const spelt = escapeUnsafe(decodeUnreserved(path));
  return spelt.includes('.') || spelt.includes('//') ? resolveDots(spelt.replace(/\/{2,}/g, '/')) : spelt;
}

function decodeUnreserved(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    return UNRESERVED.test(char) ? char : escape.toUpperCase();
  });
}

function escapeUnsafe(path: string): string {
  return path.replace(UNSAFE, (char) =>
    [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

function resolveDots(path: string): string {
  // The text before the first slash is no segment: a path begins with one.
  const [root = '', ...segments] = path.split('/');
  const kept: string[] = [];
  for (const [index, segment] of segments.entries()) {
    const isDots = segment === '.' || segment === '..';
    if (segment === '..') kept.pop();
    if (!isDots) kept.push(segment);
    else if (index === segments.length - 1) kept.push('');
  }
  return [root, ...kept].join('/');
}
