import type { FieldRule, SchemaField } from './field';
import { origin, token, tokenHeader } from './patterns';

const names = (
  description: string,
  defaults: readonly string[],
  element: Partial<FieldRule> = {},
): FieldRule => ({
  type: 'array',
  elements: { type: 'string', len_min: 1, ...element },
  required: true,
  default: defaults,
  description: `${description} An empty list looks nowhere.`,
});

/** Where the token may be, and from which Origins. */
export const tokenLocationFields: readonly SchemaField[] = [
  {
    header_names: names(
      'The request headers that may carry the token, as `Bearer …`.',
      ['authorization'],
      tokenHeader,
    ),
  },
  {
    subprotocol_prefixes: names(
      'A Sec-WebSocket-Protocol item that begins with one of these carries the token after it; it is removed before the upstream sees the list. The way for browsers, which need another offer beside it to be selected: bridge.v1 or plain.v1.',
      ['bearer.'],
      token('expected characters that a subprotocol may have (RFC 6455 §4.1)'),
    ),
  },
  {
    cookie_names: names(
      'The cookies that may carry the token; they count only with an Origin of allowed_origins (cross-site WebSocket hijacking) and are removed before the upstream.',
      [],
      token('expected the name of a cookie (RFC 6265 §4.1.1)'),
    ),
  },
  {
    uri_param_names: names(
      "The query parameters that may carry the token, a last resort. They are removed before the upstream and from what Kong's log plugins write. nginx's access log still has the whole URL (KONG_PROXY_ACCESS_LOG=off, or a format without the query). So has its error log where an upstream fails (KONG_LOG_LEVEL=crit).",
      [],
    ),
  },
  {
    allowed_origins: {
      type: 'array',
      elements: { type: 'string', len_min: 1, ...origin },
      required: true,
      default: [],
      description:
        'The Origins that may connect: exact (`https://app.example.com`) or with a wildcard label (`https://*.example.com`). They are read as a browser writes them: host in lower case and punycode, no default port, no slash at the end. An empty list, or `*` in it, lets any Origin connect. A cookie counts only with one that is listed, and never with `null`, which any page can have.',
    },
  },
  {
    allow_absent_origin: {
      type: 'boolean',
      required: true,
      default: true,
      description:
        'Whether a request without Origin, which no browser sends, may connect when allowed_origins is set.',
    },
  },
];
