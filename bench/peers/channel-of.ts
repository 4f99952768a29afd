/** The channel that a client of the peers asks for: `/?channel=NAME`. */
export function channelOf(url: string): string {
  return new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('channel') ?? '';
}

/** How their clients ask for it. */
export function channelPath(channel: string, path = '/'): string {
  return `${path}?channel=${encodeURIComponent(channel)}`;
}
