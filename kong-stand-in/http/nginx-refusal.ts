import { isUtf8 } from 'node:buffer';
import { HeaderList } from '../lib/header-list';
import { toBytes } from '../lib/lua';
import { normalizePath, rawPath } from '../lib/uri';

/** The head of a request as it came. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly httpVersion: string;
  /** Name, value, name, value, as Node has them. */
  readonly rawHeaders: readonly string[];
}

/**
 * The status with which nginx answers by itself, so that no plugin is asked; undefined for a request that gets to Kong. 494 is nginx's own for
 * headers that are too large.
 */
export function nginxRefusal(head: RequestHead): number | undefined {
  // It takes any 1.x, and judges that first.
  if (/^[2-9]/.test(head.httpVersion)) return 505;
  if (!head.target.startsWith('/') || isMalformedPath(rawPath(head.target).split('#', 1)[0] ?? ''))
    return 400;
  const lines = headerLines(head.rawHeaders);
  const tooLarge = tooLargeStatus(head, lines);
  if (tooLarge !== undefined) return tooLarge;
  if (UNIQUE.some((name) => lines.all(name).length > 1) || !hasOneHost(head, lines)) return 400;
  return head.method === 'TRACE' || head.method === 'CONNECT' ? 405 : undefined;
}

/** Whether Kong's router, which reads paths as UTF-8, finds no route for this one. */
export function isUnroutable(target: string): boolean {
  return !isUtf8(toBytes(normalizePath(rawPath(target))));
}

/** Headers that nginx takes once (ngx_http_process_unique_header_line). */
const UNIQUE = [
  ...['Authorization', 'Content-Length', 'Content-Range', 'Expect', 'Host', 'If-Match', 'If-Modified-Since'],
  ...['If-None-Match', 'If-Range', 'If-Unmodified-Since', 'Range', 'Transfer-Encoding'],
];

/** ngx_http_parse_complex_uri: escapes that are none, a zero byte, and dots that lead above the root. */
function isMalformedPath(path: string): boolean {
  if (/%(?![\da-f]{2})|%00/i.test(path)) return true;
  let depth = 0;
  for (const segment of path
    .replaceAll(/%2e/gi, '.')
    .split(/(?:\/|%2f)+/i)
    .slice(1)) {
    if (segment === '..') depth -= 1;
    else if (segment !== '.') depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

/** `client_header_buffer_size`, and `large_client_header_buffers 4 8k`: a line is in one of them as a whole. */
const [FIRST_BUFFER_BYTES, BUFFER_BYTES, BUFFERS] = [1_024, 8_192, 4];
const MAX_LINES = 1_000;

function tooLargeStatus(
  { method, target, httpVersion }: RequestHead,
  headers: HeaderList,
): 414 | 494 | undefined {
  const requestLine = `${method} ${target} HTTP/${httpVersion}\r\n`.length;
  if (requestLine > BUFFER_BYTES) return 414;
  let [left, buffers] = [FIRST_BUFFER_BYTES, 0];
  for (const bytes of [
    requestLine,
    ...headers.lines.map(([name, value]) => `${name}: ${value}\r\n`.length),
  ]) {
    if (bytes > left) {
      left = BUFFER_BYTES;
      buffers += 1;
    }
    left -= bytes;
    if (left < 0 || buffers > BUFFERS) return 494;
  }
  return headers.lines.length > MAX_LINES ? 494 : undefined;
}

/** HTTP/1.1 needs a Host (ngx_http_process_request_header), and whichever is there a good one (ngx_http_validate_host). */
function hasOneHost({ httpVersion }: RequestHead, headers: HeaderList): boolean {
  const host = headers.first('Host');
  if (host === undefined) return httpVersion === '1.0';
  return /^(?:\[[^/\]]*\]|[^/:\s\u007f]+)(?::[^/]*)?$/.test(host) && !host.includes('..');
}

/** All of them: nginx judges also those that it drops afterwards. */
function headerLines(raw: readonly string[]): HeaderList {
  const lines = raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as const] : []));
  return new HeaderList(lines);
}
