/** The scheme and the authority of a target in absolute form. */
const BEFORE_PATH = /^https?:\/\/[^/?#]*/i;

/** The path and the query of a request's target, in origin form or absolute form (RFC 9112 §3.2). */
export function splitTarget(target = ''): { readonly path: string; readonly query: string } {
  const origin = target.startsWith('/') ? target : target.replace(BEFORE_PATH, '');
  const mark = origin.indexOf('?');
  return mark === -1
    ? { path: origin, query: '' }
    : { path: origin.slice(0, mark), query: origin.slice(mark + 1) };
}
