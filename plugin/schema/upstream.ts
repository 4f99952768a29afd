import { DEFAULT_HEADER_NAMES } from '../../protocol/headers';
import type { FieldRule, SchemaField } from './field';
import { ownHeader, privateKey, sharedSecret } from './patterns';

const headerName = (description: string, name: string): FieldRule => ({
  type: 'string',
  required: true,
  len_min: 1,
  ...ownHeader,
  default: name,
  description,
});

/** The requests that reach the upstream, the facts that it is told, and those that never reach it. */
export const upstreamFields: readonly SchemaField[] = [
  {
    http_streaming: {
      type: 'boolean',
      required: true,
      default: true,
      description:
        'Whether a request that accepts text/event-stream is judged as an upgrade is, and passed on: the same frames over HTTP (PROTOCOL.md, section 11). False refuses it with 426, as any request that is no upgrade.',
    },
  },
  {
    health_path: {
      type: 'string',
      match: '^/[^?#]*$',
      description:
        'A path of one of the routes at which the gatekeeper itself answers a plain request: 200, or 503 while its Redis does not answer. For balancers before Kong. Never passed upstream, so a dead gatekeeper never looks healthy.',
    },
  },
  {
    tenant_header: headerName(
      'The request header that tells the upstream the tenant.',
      DEFAULT_HEADER_NAMES.tenant,
    ),
  },
  {
    user_header: headerName(
      'The request header that tells the upstream the user.',
      DEFAULT_HEADER_NAMES.user,
    ),
  },
  {
    roles_header: headerName(
      'The request header that tells the upstream the roles, comma separated.',
      DEFAULT_HEADER_NAMES.roles,
    ),
  },
  {
    request_id_header: headerName(
      "The request header with the request's id.",
      DEFAULT_HEADER_NAMES.requestId,
    ),
  },
  {
    assertion_header: {
      ...headerName(
        "The request header with the signed assertion for ws-bridge. It has no dot: Kong's log plugins take one for a path, and could not redact it.",
        DEFAULT_HEADER_NAMES.assertion,
      ),
      match_none: [...(ownHeader.match_none ?? []), { pattern: '%.', err: 'expected no dot' }],
    },
  },
  {
    assertion_secret: {
      ...sharedSecret,
      type: 'string',
      description:
        'Signs the assertion with HS256: at least 32 bytes, shared with ws-bridge, not the token secret. This or assertion_private_key is required.',
    },
  },
  {
    assertion_private_key: {
      type: 'string',
      referenceable: true,
      encrypted: true,
      ...privateKey,
      description:
        'Signs the assertion with a private key in PEM or JWK (EC, Ed25519, RSA), so that ws-bridge holds only the public key.',
    },
  },
  {
    assertion_key_id: {
      type: 'string',
      description:
        'The `kid` of the assertion, for rotating its key; with a JWK its own `kid` is the default.',
    },
  },
];
