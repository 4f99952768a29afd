import { tokenLocationFields } from '../schema/token-locations';
import type { TokenLocations } from './config';

/**
 * Where tokens may be, as far as a configuration that cannot be used tells it. A field that is no list of texts has its
 * default.
 */
export function givenLocations(raw: unknown): TokenLocations {
  const given = (typeof raw === 'object' && raw !== null ? raw : {}) as Readonly<Record<string, unknown>>;
  const texts = (name: string): readonly string[] => {
    const value = given[name];
    return isTexts(value) ? value : defaultOf(name);
  };
  return {
    headerNames: texts('header_names').map((name) => name.toLowerCase()),
    subprotocolPrefixes: texts('subprotocol_prefixes'),
    cookieNames: texts('cookie_names'),
    uriParamNames: texts('uri_param_names'),
  };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function defaultOf(name: string): readonly string[] {
  const rule = tokenLocationFields.find((field) => name in field)?.[name];
  return isTexts(rule?.default) ? rule.default : [];
}
