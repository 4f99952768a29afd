/**
 * The URL of a route behind a gateway, whose own path, where it has one, stays before the route's.
 * @param path with or without a query, which is added to the gateway's own
 */
export function routeUrl(gateway: URL, path: string): URL {
  const url = new URL(gateway);
  const [pathname = '', ...query] = path.split('?');
  url.pathname = `${gateway.pathname.replace(/\/+$/, '')}${pathname}`;
  for (const [name, value] of new URLSearchParams(query.join('?'))) url.searchParams.append(name, value);
  return url;
}
