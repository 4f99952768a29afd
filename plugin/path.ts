/**
 * A request path in one spelling, as Kong's router compares it (kong/tools/uri.lua, normalize): percent-encoding undone,
 * dot segments resolved (RFC 3986 §5.2.4), slashes merged. So that no spelling of a path escapes its limit.
 */
export function normalizedPath(path: string): string {
  const segments: string[] = [];
  for (const segment of decode(path).split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  const trailing = segments.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${segments.join('/')}${trailing}`;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
