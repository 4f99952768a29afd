import type { UpgradeRequest } from '../request/request';
import type { Stripped } from './stripped';

const HEADER = 'cookie';

/** The tokens in cookies of these names (RFC 6265 §5.4), and the Cookie header without them. */
export function stripCookies(request: UpgradeRequest, names: readonly string[]): Stripped {
  if (names.length === 0) return { tokens: [], clearHeaders: [], setHeaders: {} };
  const pairs = (request.headers[HEADER] ?? [])
    .flatMap((value) => value.split(';'))
    .map((pair) => pair.trim());
  const isToken = (pair: string) => names.includes(nameOf(pair));
  const tokens = pairs.filter(isToken).map(valueOf);
  if (tokens.length === 0) return { tokens, clearHeaders: [], setHeaders: {} };
  const others = pairs.filter((pair) => pair !== '' && !isToken(pair));
  if (others.length === 0) return { tokens, clearHeaders: [HEADER], setHeaders: {} };
  return { tokens, clearHeaders: [], setHeaders: { [HEADER]: others.join('; ') } };
}

function nameOf(pair: string): string {
  const at = pair.indexOf('=');
  return at === -1 ? '' : pair.slice(0, at).trim();
}

function valueOf(pair: string): string {
  const value = pair.slice(pair.indexOf('=') + 1).trim();
  return value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value;
}
