import type { OriginRules } from '../config/config';
import { ANY_ORIGIN } from '../config/origins';
import { Refusal } from '../request/refusal';
import { singleHeader, type Purpose, type UpgradeRequest } from '../request/request';

/** The Origin of a sandboxed frame, which any page can make: it names nobody (HTML, "opaque origin"). */
const NO_NAME = 'null';

/** Whether a token in a cookie counts. */
interface Cookies {
  readonly cookiesCount: boolean;
}

/**
 * Checks the Origin of a request for some purpose. A browser sends one with every upgrade and every POST, and none with a page's GET to its own origin.
 * Then it says so in `Sec-Fetch-Site`, which no page can set (W3C Fetch Metadata).
 * @throws Refusal 403
 */
export function originOf(request: UpgradeRequest, purpose: Purpose, rules: OriginRules): Cookies {
  if (purpose === 'upgrade' || purpose === 'message' || request.headers['origin'] !== undefined)
    return checkOrigin(request, rules);
  if (purpose === 'none') return { cookiesCount: false };
  const isOwn = singleHeader(request, 'sec-fetch-site') === 'same-origin';
  return isOwn ? { cookiesCount: rules.allowed.length > 0 } : checkOrigin(request, rules);
}

/**
 * Checks the Origin (RFC 6455 §10.2) and tells whether cookies count. They count only from an Origin that is allowed by
 * name, since a browser sends them from any page (cross-site WebSocket hijacking).
 * @throws Refusal 403
 */
export function checkOrigin(request: UpgradeRequest, rules: OriginRules): Cookies {
  const values = request.headers['origin'] ?? [];
  if (values.length > 1) throw new Refusal('origin_not_allowed', 'More than one Origin was sent');
  if (rules.allowed.length === 0) return { cookiesCount: false };
  const [origin] = values;
  if (origin === undefined) {
    if (rules.allowAbsent) return { cookiesCount: false };
    throw new Refusal('origin_not_allowed', 'An Origin is required');
  }
  if (rules.allowed.some((allowed) => matches(origin, allowed))) return { cookiesCount: origin !== NO_NAME };
  if (rules.allowed.includes(ANY_ORIGIN)) return { cookiesCount: false };
  throw new Refusal('origin_not_allowed', 'The Origin is not allowed');
}

// A host is letters, digits, dots, hyphens and, as browsers take them, underscores: nothing that could end it early, like `/` or `@`.
const SUBDOMAIN = /^(?:[a-z0-9_-]+\.)+$/;

function matches(origin: string, allowed: string): boolean {
  if (allowed === ANY_ORIGIN) return false;
  const wildcard = allowed.indexOf('*.');
  if (wildcard === -1) return origin === allowed;
  const [before, after] = [allowed.slice(0, wildcard), allowed.slice(wildcard + 2)];
  if (!origin.startsWith(before) || !origin.endsWith(after)) return false;
  return SUBDOMAIN.test(origin.slice(before.length, origin.length - after.length));
}
