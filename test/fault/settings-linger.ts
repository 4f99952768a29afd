import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_ROUTES, type RouteEntry } from '../../sidecar/routes/route';
import { makeOwnFolder } from '../fakes/own-folder';

/** A route that keeps its frames no longer than BRIDGE_LINGER_MS: a run does not wait for ten minutes. */
export function withSettingsLinger(route: RouteEntry): RouteEntry {
  return route.ring === undefined ? route : { ...route, ring: { ...route.ring, lingerSeconds: undefined } };
}

/** Settings of bridges that keep the frames of every route for so long, in milliseconds. */
export function lingerOf(
  lingerMs: number,
  routes: readonly RouteEntry[] = DEFAULT_ROUTES,
): Readonly<Record<string, string>> {
  const file = join(makeOwnFolder('linger-').path, 'routes.json');
  writeFileSync(file, JSON.stringify({ routes: routes.map(withSettingsLinger) }));
  return { BRIDGE_ROUTES_FILE: file, BRIDGE_LINGER_MS: `${lingerMs}` };
}
