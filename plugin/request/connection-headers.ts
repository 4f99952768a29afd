/**
 * The headers that HTTP/2 and later forbid in any message (RFC 9113 §8.2.2, RFC 9114 §4.2); clients end the stream that
 * has one.
 */
const CONNECTION_SPECIFIC = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

type Headers = Readonly<Record<string, string>>;

/** Whether one of these headers is about the connection, which only HTTP/1 may send. */
export function hasConnectionHeaders(headers: Headers): boolean {
  return Object.keys(headers).some(isConnectionSpecific);
}

/** These headers as a version of HTTP may send them; an unknown version sends none that is about the connection. */
export function headersFor(httpVersion: number | undefined, headers: Headers): Headers {
  if (httpVersion !== undefined && httpVersion >= 1 && httpVersion < 2) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isConnectionSpecific(name)));
}

function isConnectionSpecific(name: string): boolean {
  return CONNECTION_SPECIFIC.has(name.toLowerCase());
}
