/** RFC 9110 §5.1: a field name is a token. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Names that HTTP or the WebSocket handshake needs for itself, in lower case, a final `*` for any end. They are about the
 * connection or the message (RFC 9110 §7.6.1), or part of the handshake (RFC 6455 §4.1).
 */
export const HANDSHAKE_HEADERS = [
  ...['connection', 'content-*', 'expect', 'host', 'http2-settings', 'keep-alive', 'origin'],
  ...['proxy-connection', 'sec-websocket-*', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'via'],
] as const;

/**
 * Names that somebody else on the way writes or reads besides, in the same form. They are the token's own locations, the
 * gateway's, tracing's, and those of the answers that the gatekeeper gives.
 */
export const OTHERS_HEADERS = [
  ...['authorization', 'cookie', 'date', 'forwarded', 'location', 'proxy-*', 'ratelimit-*', 'retry-after'],
  ...['server', 'set-cookie', 'traceparent', 'tracestate', 'www-authenticate'],
  ...['x-forwarded-*', 'x-kong-*', 'x-ratelimit-*', 'x-real-ip'],
] as const;

/** In these Kong tells an upstream who the consumer is (kong/constants.lua): id, username and custom id come first. */
export const CONSUMER_HEADERS = [
  'X-Consumer-ID',
  'X-Consumer-Username',
  'X-Consumer-Custom-ID',
  'X-Credential-Identifier',
  'X-Anonymous-Consumer',
] as const;

/** In these Kong's acl plugin, which runs after the gatekeeper, tells an upstream the caller's groups (kong/constants.lua). */
export const GROUP_HEADERS = ['X-Consumer-Groups', 'X-Authenticated-Groups'] as const;

/** A header's name as CGI and what came of it read it: case counts for nothing, and `_` and `-` are one. */
export function looseName(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/** Why a header cannot tell the upstream something of ours, or undefined when it can. */
export function ownHeaderFault(name: string): string | undefined {
  return tokenHeaderFault(name) ?? (isAmong(OTHERS_HEADERS, name) ? taken : undefined);
}

/** Why a header cannot carry a token, or undefined when it can. */
export function tokenHeaderFault(name: string): string | undefined {
  if (!FIELD_NAME.test(name)) return 'expected an HTTP field name';
  return isAmong(HANDSHAKE_HEADERS, name) || name.toLowerCase() === 'cookie' ? taken : undefined;
}

const taken = 'expected a header that is no part of HTTP, of the handshake or of the gateway';

function isAmong(list: readonly string[], name: string): boolean {
  const lower = name.toLowerCase();
  return list.some((entry) => (entry.endsWith('*') ? lower.startsWith(entry.slice(0, -1)) : lower === entry));
}
