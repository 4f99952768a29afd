/** Characters whose escapes Kong leaves alone (kong/tools/uri.lua): decoding them would change the meaning. */
const RESERVED = "!*'();:@&=+$,/?%#[]";

/**
 * Normalises a request path as Kong does before it routes (kong/tools/uri.lua): escapes of unreserved bytes are
 * decoded, dot segments removed, slashes merged. Works on byte strings.
 */
export function normalizePath(path: string): string {
  if (path === '' || path === '/') return path;
  const decoded = path.replace(/%([\da-f]{2})/gi, (escape, hex: string) => {
    const char = String.fromCharCode(parseInt(hex, 16));
    return RESERVED.includes(char) ? escape.toUpperCase() : char;
  });
  if (!decoded.includes('.') && !decoded.includes('//')) return decoded;
  return removeDotSegments(decoded.replace(/\/{2,}/g, '/'));
}

/** RFC 3986 §5.2.4, for a path that begins with a slash. */
function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  segments.forEach((segment, i) => {
    const last = i === segments.length - 1;
    if (segment === '..') kept.pop();
    if (segment !== '.' && segment !== '..') kept.push(segment);
    else if (last) kept.push('');
  });
  return `/${kept.join('/')}`;
}

/** Makes a path safe to send (kong/tools/uri.lua `escape`). */
export function escapePath(path: string): string {
  return path.replace(
    /[^!#$&'()*+,/:;=?@[\]A-Za-z\d\-_.~%]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** The path of a request target, as it came. */
export function rawPath(target: string): string {
  const mark = target.indexOf('?', 1);
  return mark === -1 ? target : target.slice(0, mark);
}

/** The query of a request target without its question mark and without a fragment; empty when there is none (nginx's `$args`). */
export function rawQuery(target: string): string {
  const [beforeFragment = ''] = target.split('#', 1);
  const mark = beforeFragment.indexOf('?', 1);
  return mark === -1 ? '' : beforeFragment.slice(mark + 1);
}
