import { ownHeaderFault } from '../../protocol/header-names';
import { DEFAULT_HEADER_NAMES } from '../../protocol/headers';
import { row, type Row } from './row';

/** The headers that the gatekeeper sets. */
export const HEADER_ROWS = {
  tenantHeader: header('BRIDGE_TENANT_HEADER', DEFAULT_HEADER_NAMES.tenant, 'header with the tenant'),
  userHeader: header('BRIDGE_USER_HEADER', DEFAULT_HEADER_NAMES.user, 'header with the user'),
  rolesHeader: header('BRIDGE_ROLES_HEADER', DEFAULT_HEADER_NAMES.roles, 'header with the roles'),
  requestIdHeader: header(
    'BRIDGE_REQUEST_ID_HEADER',
    DEFAULT_HEADER_NAMES.requestId,
    'header with the request id',
  ),
  assertionHeader: header(
    'BRIDGE_ASSERTION_HEADER',
    DEFAULT_HEADER_NAMES.assertion,
    'header with the signed assertion',
  ),
} as const;

function header(name: string, fallback: string, description: string): Row<string> {
  const read = (value: string): string | undefined =>
    ownHeaderFault(value) === undefined ? value : undefined;
  return row(name, fallback, 'an HTTP header name', read, { description, faultOf: ownHeaderFault });
}
