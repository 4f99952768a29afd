import { HeaderList } from '../lib/header-list';
import { ipairs, luaToString, toBytes, type LuaTable, type LuaValue } from '../lib/lua';

/** An answer of the gateway itself: nothing went upstream. */
export interface Answer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer;
}

const JSON_TYPE = 'application/json; charset=utf-8';

const MESSAGES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  411: 'Length required',
  413: 'Payload too large',
  414: 'URI too long',
  494: 'Request header or cookie too large',
  500: 'An unexpected error occurred',
  502: 'An invalid response was received from the upstream server',
  503: 'The upstream server is currently unavailable',
  504: 'The upstream server is timing out',
  505: 'HTTP Version Not Supported',
};

/** An error answer needs to know these of the request. */
export interface ErrorContext {
  /** `$kong_request_id`. */
  readonly kongRequestId: string;
  readonly accept: string | undefined;
  /** Only nginx's own errors look at it. */
  readonly contentType?: string | undefined;
}

/** `kong.response.error(status, message)` (kong/pdk/response.lua): a body in the type that the client accepts. */
export function errorAnswer(status: number, context: ErrorContext, message?: string): Answer {
  const type = responseType(context.accept);
  const body = template(type)(message ?? MESSAGES[status] ?? `The upstream server responded with ${status}`);
  return { status, headers: new HeaderList([['Content-Type', type]]), body: Buffer.from(body) };

  function template(name: string): (text: string) => string {
    const id = context.kongRequestId;
    if (name.startsWith('text/plain')) return (text) => `${text}\nrequest_id: ${id}\n`;
    if (name.startsWith('text/html')) return (text) => htmlError(text, id);
    if (name.startsWith('application/xml'))
      return (text) =>
        `<?xml version="1.0" encoding="UTF-8"?>\n<error>\n  <message>${text}</message>\n  <requestid>${id}</requestid>\n</error>\n`;
    return (text) => `{\n  "message":"${text}",\n  "request_id":"${id}"\n}`;
  }
}

/**
 * The answers to nginx's own errors (kong/error_handlers.lua). They are like {@link errorAnswer}, but a client that
 * names no type gets plain text (`error_default_type`). 494 is answered as 400.
 */
export function nginxErrorAnswer(status: number, context: ErrorContext): Answer {
  const accept = context.accept ?? context.contentType ?? 'text/plain';
  const answer = errorAnswer(status, { ...context, accept });
  return status === 494 ? { ...answer, status: 400 } : answer;
}

/** `kong.response.exit(status, body, headers)` after its checks (kong/pdk/response.lua `send`). */
export function exitAnswer(
  status: number,
  body: LuaValue,
  headers: LuaTable | undefined,
  responseHeaders: HeaderList,
): Answer {
  const list = responseHeaders.copy();
  for (const [name, value] of Object.entries(headers ?? {})) setResponseHeader(list, name, value);
  if (typeof body === 'object') {
    if (list.first('Content-Type') === undefined) list.set('Content-Type', [JSON_TYPE]);
    return { status, headers: list, body: toBytes(toJson(body)) };
  }
  return { status, headers: list, body: toBytes(typeof body === 'string' ? body : '') };
}

/** Sets a response header with Kong's rules: `Transfer-Encoding` is ignored, `""` becomes `" "`. */
export function setResponseHeader(list: HeaderList, name: string, value: LuaValue): void {
  const lower = name.toLowerCase();
  if (lower === 'transfer-encoding' || lower === 'transfer_encoding') return;
  // ngx.header turns underscores into dashes (lua-nginx-module).
  list.set(name.replaceAll('_', '-'), headerValues(value));
}

/** `normalize_multi_header` (kong/pdk/private/checks.lua): an empty value becomes one space. */
export function headerValues(value: LuaValue): string[] {
  const values = typeof value === 'object' ? ipairs(value) : [value];
  return values.map((item) => (item === '' ? ' ' : luaToString(item)));
}

function toJson(value: LuaValue): string {
  // Strings are bytes already: JSON is built around them, never decoded.
  // eslint-disable-next-line no-control-regex -- control characters are what JSON escapes
  if (typeof value === 'string') return `"${value.replace(/["\\\u0000-\u001f]/g, escapeJson)}"`;
  if (typeof value !== 'object') return value === undefined ? 'null' : String(value);
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${toJson(name)}:${toJson(member)}`).join(',')}}`;
}

function escapeJson(char: string): string {
  return JSON.stringify(char).slice(1, -1);
}

const TYPES: Readonly<Record<string, string>> = {
  'text/html': 'text/html; charset=utf-8',
  'application/json': JSON_TYPE,
  'text/plain': 'text/plain; charset=utf-8',
  'application/xml': 'application/xml; charset=utf-8',
  'application/*': JSON_TYPE,
  'text/*': 'text/plain; charset=utf-8',
};

/** kong/tools/http.lua `get_response_type`: the accepted type of the highest quality, the first of equals. */
function responseType(accept: string | undefined): string {
  let best = { type: JSON_TYPE, quality: 0 };
  for (const range of (accept ?? '').split(',')) {
    const matched = /^([a-z0-9*][a-z0-9\-!#$&^_+.]*\/[a-z0-9*][a-z0-9\-!#$&^_+.]*)/i.exec(range.trim());
    if (matched === null) continue;
    const quality = Number(/;\s*q=(1(?:\.0{0,3})?|0(?:\.\d{0,3})?)/.exec(range)?.[1] ?? 1);
    if (quality > best.quality) best = { type: TYPES[matched[1] ?? ''] ?? JSON_TYPE, quality };
  }
  return best.type;
}

function htmlError(text: string, id: string): string {
  return `<!doctype html>
<html>
  <head>
    <meta charset="utf-8">
    <title>Error</title>
  </head>
  <body>
    <h1>Error</h1>
    <p>${text}.</p>
    <p>request_id: ${id}</p>
  </body>
</html>
`;
}
