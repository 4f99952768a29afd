import { HANDSHAKE_HEADERS, OTHERS_HEADERS } from '../../protocol/header-names';
import { MAX_NAME_PREFIX_BYTES } from '../../redis/name-prefix';
import type { FieldRule, Pattern } from './field';

/*
 * Lua patterns (Lua 5.1 manual §5.4.1), as Kong's schemas have them: `%` escapes, there is no alternation and no {n,m}. Each says
 * a part of what plugin/config/raw.ts says in full; test/plugin/schema/refusals.test.ts holds the two together.
 */

/** RFC 9110 §5.6.2. */
const TOKEN = "^[%w!#$%%&'*+.^_`|~-]+$";
const NO_TOKEN = "[^%w!#$%%&'*+.^_`|~-]";
const FIVE_DIGITS = '%d?%d?%d?%d?%d?';

/** An HTTP token: a cookie's name, a part of a subprotocol. */
export const token = (err: string): Pick<FieldRule, 'match' | 'err'> => ({ match: TOKEN, err });

/** A header that may carry a token. */
export const tokenHeader = headerRule([...HANDSHAKE_HEADERS, 'cookie']);

/** A header that tells the upstream something of ours. */
export const ownHeader = headerRule([...HANDSHAKE_HEADERS, ...OTHERS_HEADERS]);

/** A shared secret (RFC 7518 §3.2). */
export const sharedSecret: Partial<FieldRule> = {
  type: 'string',
  referenceable: true,
  encrypted: true,
  len_min: 32,
  match_none: [
    { pattern: 'BEGIN .*PUBLIC KEY%-', err: 'expected a shared secret, got a public key' },
    { pattern: 'BEGIN CERTIFICATE%-', err: 'expected a shared secret, got a certificate' },
  ],
};

const PEM_OR_JWK = (kind: string) => ({
  patterns: [`%-%-%-%-%-BEGIN .*${kind}`, '^%s*{.*}%s*$'],
  err: 'expected a key in PEM or as a JWK',
});

/** A public key in PEM (or a certificate) or as a JWK, and no private one. */
export const publicKey: Pick<FieldRule, 'match_any' | 'match_none'> = {
  match_any: {
    ...PEM_OR_JWK('KEY'),
    patterns: [...PEM_OR_JWK('KEY').patterns, '%-%-%-%-%-BEGIN .*CERTIFICATE'],
  },
  match_none: [
    { pattern: 'PRIVATE KEY', err: 'expected a public key, got a private one' },
    { pattern: '^%s*{.*"d"%s*:', err: 'expected a public key, got a private one' },
  ],
};

/** A private key in PEM or as a JWK. */
export const privateKey: Pick<FieldRule, 'match_any'> = { match_any: PEM_OR_JWK('PRIVATE KEY') };

/** An http:// or https:// URL without credentials. */
export const httpUrl: Pick<FieldRule, 'match_any'> = {
  match_any: {
    patterns: [
      `^[Hh][Tt][Tt][Pp][Ss]?://[^%s%c/?#@:%[%]\\]+:?${FIVE_DIGITS}$`,
      `^[Hh][Tt][Tt][Pp][Ss]?://[^%s%c/?#@:%[%]\\]+:?${FIVE_DIGITS}[/?][^%s%c]*$`,
      `^[Hh][Tt][Tt][Pp][Ss]?://%[[%x:.]+%]:?${FIVE_DIGITS}$`,
      `^[Hh][Tt][Tt][Pp][Ss]?://%[[%x:.]+%]:?${FIVE_DIGITS}[/?][^%s%c]*$`,
    ],
    err: 'expected an http:// or https:// URL without user and password',
  },
};

/** The same without a query, which may hold a secret. */
export const serviceUrl: Pick<FieldRule, 'match_any'> = {
  match_any: {
    patterns: [
      `^[Hh][Tt][Tt][Pp][Ss]?://[^%s%c/?#@:%[%]\\]+:?${FIVE_DIGITS}$`,
      `^[Hh][Tt][Tt][Pp][Ss]?://[^%s%c/?#@:%[%]\\]+:?${FIVE_DIGITS}/[^%s%c?#]*$`,
      `^[Hh][Tt][Tt][Pp][Ss]?://%[[%x:.]+%]:?${FIVE_DIGITS}$`,
      `^[Hh][Tt][Tt][Pp][Ss]?://%[[%x:.]+%]:?${FIVE_DIGITS}/[^%s%c?#]*$`,
    ],
    err: 'expected an http:// or https:// URL without user, password, query and fragment',
  },
};

/** An Origin, one with a wildcard label, or `*`. */
export const origin: Pick<FieldRule, 'match_any'> = {
  match_any: {
    patterns: ['^null$', '^%*$', '^%a[%w+.-]*://[^/?#@*%s%c\\]+/?$', '^%a[%w+.-]*://%*%.[^/?#@*%s%c\\]+/?$'],
    err: 'expected an Origin like https://app.example.com or https://*.example.com (a scheme and a host, no path), or * for any',
  },
};

/** The forms of a Redis URL. */
export const redisUrl: Pick<FieldRule, 'match_any'> = {
  match_any: {
    patterns: [
      `^rediss?://[^%s/?#]*[^%s/?#@]/?${FIVE_DIGITS}$`,
      `^rediss?%+sentinel://[^/]*[^%s/?#@]/[%w._-]+/?${FIVE_DIGITS}$`,
      '^rediss?%+cluster://[^/]*[^%s/?#@]/?$',
    ],
    err: 'expected redis://host, redis+sentinel://host,…/master or redis+cluster://host,…, with rediss for TLS',
  },
};

/** The prefix of every name in Redis. */
export const namePrefix: Pick<FieldRule, 'match' | 'match_none' | 'err' | 'len_min' | 'len_max'> = {
  len_min: 0,
  len_max: MAX_NAME_PREFIX_BYTES,
  match: '^[%w%p]*$',
  match_none: [
    { pattern: '[{}*?%[%]\\]', err: 'expected no braces and none of * ? [ ] \\' },
    { pattern: '^ws:', err: 'expected another beginning than ws:' },
  ],
  err: 'expected printable ASCII without spaces',
};

/** The beginning of a path. */
export const pathPrefix: Pick<FieldRule, 'match' | 'err'> = {
  match: '^/[^?#%s%c]*$',
  err: 'expected a path that begins with a slash, without query, fragment and white space',
};

/** A path with `{param}`s, as in a routes file. */
export const pathTemplate: Pick<FieldRule, 'match' | 'match_none' | 'err'> = {
  match: "^/[%w._~!$&'()*+,;=:@/{}-]+$",
  match_none: [
    { pattern: '//', err: 'expected no empty segment' },
    { pattern: '/$', err: 'expected no slash at the end' },
    { pattern: '/%.%.?/', err: 'expected no dot segment' },
    { pattern: '/%.%.?$', err: 'expected no dot segment' },
  ],
  err: 'expected a path of literal segments and {param}s, like /ws/bi/dashboards/{id}',
};

/** A prefix that a tenant may get. */
export const tenantPrefix: Pick<FieldRule, 'match' | 'err'> = {
  match: '^[!-~]*$',
  err: 'expected visible ASCII, 64 characters at most',
};

/** Text for a header's quoted string: printable ASCII. */
export const printable: Pick<FieldRule, 'match' | 'err'> = {
  match: '^[ -~]+$',
  err: 'expected printable ASCII',
};

/** Not with `match`, of which Kong's own words say no more than that the value is invalid. */
function headerRule(taken: readonly string[]): Pick<FieldRule, 'match_none'> {
  return { match_none: [{ pattern: NO_TOKEN, err: 'expected an HTTP field name' }, ...taken.map(anyCase)] };
}

/** A pattern for a name in any case. */
function anyCase(name: string): Pattern {
  const open = name.endsWith('*');
  const letters = Array.from(open ? name.slice(0, -1) : name, (char) => {
    const upper = char.toUpperCase();
    if (upper !== char) return `[${upper}${char}]`;
    return char === '-' ? '%-' : char;
  });
  return {
    pattern: `^${letters.join('')}${open ? '' : '$'}`,
    err: `${name} belongs to HTTP, to the handshake or to the gateway`,
  };
}
