import { KONG_VERSION } from '../lib/product';
import type { LogLevel } from '../lib/log';
import { LuaError, luaToString, toText } from '../lib/lua';
import type { PdkFunction, PdkTable } from './call';
import { CLIENT } from './client';
import { checkString } from './checks';
import { withoutNulls } from './entity';
import { NGINX, REQUEST } from './request';
import { RESPONSE } from './response';
import { SERVICE_REQUEST } from './service-request';

const LEVELS: readonly LogLevel[] = ['alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'];

const LOG: PdkTable = Object.fromEntries(
  LEVELS.map((level): [string, PdkFunction] => [
    `kong.log.${level}`,
    ({ log }, ...args) => {
      log(level, toText(args.map(luaToString).join('')));
      return undefined;
    },
  ]),
);

const REST: PdkTable = {
  'kong.log.set_serialize_value': ({ request }, key, value) => {
    request.serializeValues.set(checkString(key, 'key must be a string'), value);
    return undefined;
  },
  'kong.ctx.shared.get': ({ request }, key) => request.shared.get(checkString(key, 'key must be a string')),
  'kong.ctx.shared.set': ({ request }, key, value) => {
    request.shared.set(checkString(key, 'key must be a string'), value);
    return undefined;
  },
  'kong.router.get_route': ({ request }) => withoutNulls(request.route),
  'kong.router.get_service': ({ request }) => request.service && withoutNulls(request.service),
  'kong.version': () => KONG_VERSION,
};

/** The part of Kong's PDK that the stand-in has. */
export const PDK: PdkTable = {
  ...LOG,
  ...REST,
  ...CLIENT,
  ...REQUEST,
  ...NGINX,
  ...SERVICE_REQUEST,
  ...RESPONSE,
};

/** Functions that Kong has and the stand-in does not: asking for one is an error, never a silent nothing. */
export function notServed(name: string): PdkFunction {
  return () => {
    throw new LuaError(`the stand-in gateway does not have ${name}`);
  };
}
