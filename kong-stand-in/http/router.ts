import type { Declaration, Route, Service } from '../declarative/entities';
import { normalizePath, rawPath } from '../lib/uri';
import { isUnroutable } from './nginx-refusal';

/** A route that a request matched. */
export interface Match {
  readonly route: Route;
  readonly service: Service | undefined;
  /** The part of the path that matched, when the route strips it. */
  readonly prefix: string | undefined;
  /** The path to call upstream, not yet escaped. */
  readonly upstreamPath: string;
}

/** Routing looks at these. */
export interface Routable {
  readonly method: string;
  readonly host: string;
  readonly target: string;
}

/** Finds a request's route. */
export type Router = (request: Routable) => Match | undefined;

interface Candidate {
  readonly route: Route;
  readonly path: string | undefined;
  readonly priority: readonly number[];
  readonly matchPath: (path: string) => string | undefined;
}

/**
 * Routes as Kong's `traditional_compatible` router does (kong/router/transform.lua). The route with more kinds of
 * conditions comes first, then plain hosts, then regex paths by `regex_priority`, then the longest prefix.
 */
export function createRouter(declaration: Declaration): Router {
  const candidates = declaration.routes.flatMap(candidatesOf).sort(byPriority);
  return (request) => {
    if (isUnroutable(request.target)) return undefined;
    const path = normalizePath(rawPath(request.target));
    for (const { route, matchPath } of candidates) {
      const matched = matchPath(path);
      if (matched === undefined || !matches(route, request)) continue;
      const service = declaration.services.find(({ id, enabled }) => enabled && id === route.service?.id);
      if (route.service !== null && service === undefined) continue;
      const prefix = route.strip_path ? matched : undefined;
      return { route, service, prefix, upstreamPath: upstreamPath(path, prefix, service?.path ?? '/') };
    }
    return undefined;
  };
}

function candidatesOf(route: Route): Candidate[] {
  const conditions = [route.methods, route.hosts, route.paths].filter(
    (list) => list !== null && list.length > 0,
  );
  const plainHosts = route.hosts !== null && !route.hosts.some((host) => host.includes('*'));
  const paths: readonly (string | undefined)[] = route.paths ?? [undefined];
  return paths.map((path) => {
    const isRegex = path?.startsWith('~') === true;
    const rank = isRegex ? [1, route.regex_priority, 0] : [0, 0, path?.length ?? 0];
    return {
      route,
      path,
      priority: [conditions.length, plainHosts ? 1 : 0, ...rank],
      matchPath: pathMatcher(path),
    };
  });
}

function byPriority(one: Candidate, other: Candidate): number {
  const at = one.priority.findIndex((rank, i) => rank !== other.priority[i]);
  return at === -1 ? 0 : (other.priority[at] ?? 0) - (one.priority[at] ?? 0);
}

function pathMatcher(path: string | undefined): (requested: string) => string | undefined {
  if (path === undefined) return () => '/';
  if (!path.startsWith('~')) return (requested) => (requested.startsWith(path) ? path : undefined);
  const pattern = new RegExp(`^(?:${path.slice(1)})`);
  return (requested) => pattern.exec(requested)?.[0];
}

function matches(route: Route, { method, host }: Routable): boolean {
  if (!route.protocols.some((protocol) => protocol === 'http' || protocol === 'https')) return false;
  if (route.methods !== null && !route.methods.includes(method)) return false;
  return route.hosts === null || route.hosts.some((pattern) => matchesHost(pattern, host));
}

function matchesHost(pattern: string, host: string): boolean {
  if (pattern.startsWith('*')) return host.endsWith(pattern.slice(1));
  if (pattern.endsWith('*')) return host.startsWith(pattern.slice(0, -1));
  return pattern.replace(/:\d+$/, '').toLowerCase() === host;
}

/** kong/router/utils.lua `get_upstream_uri_v0`: joins the service's path with what is left of the request's. */
function upstreamPath(requested: string, prefix: string | undefined, base: string): string {
  const endsWithSlash = base.endsWith('/');
  if (prefix === undefined) {
    if (endsWithSlash) return base + requested.slice(1);
    return requested === '/' ? base : base + requested;
  }
  const rest = withoutLeadingDots(requested.slice(prefix.length));
  if (rest !== '')
    return (endsWithSlash ? base.slice(0, -1) : base) + (rest.startsWith('/') ? rest : `/${rest}`);
  if (base === '/') return '/';
  if (!endsWithSlash) return requested.length > 1 && requested.endsWith('/') ? `${base}/` : base;
  return requested.endsWith('/') ? base : base.slice(0, -1);
}

function withoutLeadingDots(rest: string): string {
  return rest === '.' || rest === '..' ? '' : rest.replace(/^\.{1,2}\//, '');
}
