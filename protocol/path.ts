/** RFC 3986 §2.3. */
const UNRESERVED = /^[A-Za-z0-9._~-]$/;
/** What stays as it is unescaped: RFC 3986's reserved and unreserved characters, and the escapes themselves. */
const UNSAFE = /[^A-Za-z0-9._~\-!*'();:@&=+$,/?%#[\]]/gu;

/**
 * The one spelling of a request path (without its query), the same for whoever reads it: the path that a client sent, the one
 * that Kong routes by and hands to plugins, and the one that it sends upstream all have the same. It is what Kong sends
 * upstream (kong/tools/uri.lua, normalize and escape): escapes of unreserved characters are undone, all others stay, in upper case;
 * slashes are merged; dot segments are resolved (RFC 3986 §5.2.4). So `%2F` in an id is part of the id, and no slash.
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
  // What stands before the first slash is no segment: a path begins with one.
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
