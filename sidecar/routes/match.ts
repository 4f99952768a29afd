import { canonicalPath } from '../../protocol/path';
import type { ChannelValues } from './channel-template';
import type { Route } from './route';

/** Bytes of UTF-8 in one path parameter, at most. */
export const MAX_PARAM_BYTES = 256;

/** The end that a path leads to. */
export type RouteMatch =
  | {
      readonly kind: 'route';
      readonly route: Route;
      readonly params: ChannelValues;
      /** The path in its one spelling. */
      readonly path: string;
    }
  | { readonly kind: 'unknown' }
  /** A parameter is not percent-encoded UTF-8. */
  | { readonly kind: 'malformed' };

/**
 * Finds the first route that a path (with no query) leads to, read as the gatekeeper reads it. Parameters are
 * percent-decoded once; an empty one or one of more than {@link MAX_PARAM_BYTES} leads nowhere.
 */
export function matchRoute(routes: readonly Route[], path: string): RouteMatch {
  const spelt = canonicalPath(path);
  const [root, ...given] = spelt.split('/');
  if (root !== '') return { kind: 'unknown' };
  for (const route of routes) {
    const raw = rawParams(route, given);
    if (raw === undefined) continue;
    return decodeParams(route, raw, spelt);
  }
  return { kind: 'unknown' };
}

function rawParams(route: Route, given: readonly string[]): readonly [string, string][] | undefined {
  if (given.length !== route.segments.length) return undefined;
  const literalsFit = route.segments.every(
    (segment, index) => !('literal' in segment) || segment.literal === given[index],
  );
  if (!literalsFit) return undefined;
  return route.segments.flatMap((segment, index): [string, string][] =>
    'param' in segment ? [[segment.param, given[index] ?? '']] : [],
  );
}

function decodeParams(route: Route, raw: readonly (readonly [string, string])[], path: string): RouteMatch {
  const params: Record<string, string> = {};
  for (const [name, text] of raw) {
    const value = percentDecode(text);
    if (value === undefined) return { kind: 'malformed' };
    if (value === '' || Buffer.byteLength(value) > MAX_PARAM_BYTES) return { kind: 'unknown' };
    params[name] = value;
  }
  return { kind: 'route', route, params, path };
}

function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
