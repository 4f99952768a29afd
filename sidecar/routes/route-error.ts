import type { RouteEntry } from './route';

/** A table that cannot be served. The message names the entry and what was expected. */
export class RouteError extends Error {
  override readonly name = 'RouteError';
  readonly code = 'ERR_ROUTE_INVALID';
}

/** An entry that cannot be served. */
export function fault({ name }: Pick<RouteEntry, 'name'>, expected: string): RouteError {
  return new RouteError(`route "${name}": ${expected}`);
}
