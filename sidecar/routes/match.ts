import { canonicalPath } from '../../protocol/path';
import { fitsTemplate, paramsOf, pathSegments } from '../../protocol/path-template';
import type { ChannelValues } from './channel-template';
import type { Route } from './route';

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
 * Finds the first route that a path (with no query) leads to, read as the gatekeeper reads it. A parameter that is empty or too
 * long leads nowhere.
 */
export function matchRoute(routes: readonly Route[], path: string): RouteMatch {
  const spelt = canonicalPath(path);
  const segments = pathSegments(spelt);
  if (segments === undefined) return { kind: 'unknown' };
  const route = routes.find(({ template }) => fitsTemplate(template, segments));
  if (route === undefined) return { kind: 'unknown' };
  const params = paramsOf(route.template, segments);
  if (params === 'malformed') return { kind: 'malformed' };
  return params === 'nowhere' ? { kind: 'unknown' } : { kind: 'route', route, params, path: spelt };
}
