/**
 * A segment of a path between two slashes: as it stands, or a whole parameter. Both have both members: an engine looks them up faster
 * in objects of one shape.
 */
export type PathSegment =
  | { readonly literal: string; readonly param: undefined }
  | { readonly literal: undefined; readonly param: string };

/** A path with `{param}` for a whole segment: `/ws/bi/dashboards/{id}`. */
export type PathTemplate = readonly PathSegment[];

/** The values of a path's parameters by name, each percent-decoded once. */
export type PathParams = Readonly<Record<string, string>>;

/** Bytes of UTF-8 in one parameter, at most. */
export const MAX_PARAM_BYTES = 256;

const PARAM = /^\{([A-Za-z][A-Za-z0-9_]*)\}$/;
// RFC 3986 §3.3: what a path segment may hold without percent-encoding.
const LITERAL = /^[A-Za-z0-9._~!$&'()*+,;=:@-]+$/;

/** Parses a template. @returns undefined for what is none */
export function parsePathTemplate(text: string): PathTemplate | undefined {
  const segments = pathSegments(text)?.map((segment): PathSegment | undefined => {
    const param = PARAM.exec(segment)?.[1];
    if (param !== undefined) return { literal: undefined, param };
    return LITERAL.test(segment) ? { literal: segment, param: undefined } : undefined;
  });
  return segments?.every((segment) => segment !== undefined) === true ? segments : undefined;
}

/** The names of a template's parameters, in their order. */
export function paramNames(template: PathTemplate): readonly string[] {
  return template.flatMap((segment) => (segment.param === undefined ? [] : [segment.param]));
}

/** The segments of a path in its one spelling (path.ts); undefined for one that does not begin with a slash. */
export function pathSegments(path: string): readonly string[] | undefined {
  return path.startsWith('/') ? path.slice(1).split('/') : undefined;
}

/** Whether these segments have a template's shape, whatever stands in the places of its parameters. */
export function fitsTemplate(template: PathTemplate, segments: readonly string[]): boolean {
  if (segments.length !== template.length) return false;
  for (let index = 0; index < template.length; index += 1) {
    const literal = template[index]?.literal;
    if (literal !== undefined && literal !== segments[index]) return false;
  }
  return true;
}

/**
 * The parameters of segments that fit a template.
 * @returns `malformed` when one is not percent-encoded UTF-8; `nowhere` when one is empty or has more than {@link MAX_PARAM_BYTES}
 */
export function paramsOf(
  template: PathTemplate,
  segments: readonly string[],
): PathParams | 'malformed' | 'nowhere' {
  const params: Record<string, string> = {};
  for (let index = 0; index < template.length; index += 1) {
    const name = template[index]?.param;
    if (name === undefined) continue;
    const value = percentDecode(segments[index] ?? '');
    if (value === undefined) return 'malformed';
    if (value === '' || Buffer.byteLength(value) > MAX_PARAM_BYTES) return 'nowhere';
    params[name] = value;
  }
  return params;
}

function percentDecode(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
