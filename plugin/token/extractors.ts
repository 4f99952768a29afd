import type { UpgradeRequest } from '../request/request';

const BEARER = /^bearer(?: +(.*))?$/is;

/**
 * What stands behind `Bearer` (RFC 6750 §2.1, case-insensitive by RFC 9110 §11.1) in these headers, whatever it is;
 * other schemes are no tokens.
 * @param names in lower case
 */
export function bearerValues(request: UpgradeRequest, names: readonly string[]): string[] {
  return names
    .flatMap((name) => request.headers[name] ?? [])
    .map((value) => BEARER.exec(value.trim()))
    .filter((match) => match !== null)
    .map((match) => match[1] ?? '');
}
