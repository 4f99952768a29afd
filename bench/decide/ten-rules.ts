import type { ConfigValue } from '../../kong-stand-in/plugin-config/field-schema';

const LOOKED_AT = ['iss', 'aud', 'sub', 'jti', 'type', 'tenant_id', 'iat', 'exp', 'roles'];
const rule = (path: string, claim: string, value: string) => ({
  paths: [path],
  claim: [claim],
  values: [value],
  otherwise: 'next',
});
const holding = rule('/ws/ai/{topic}', 'roles', 'analyst');

/** Ten rules by claim, of which the last one holds, by what they are. */
export const TEN_RULES: Readonly<Record<string, Readonly<Record<string, ConfigValue>>>> = {
  'each for its path': {
    authorization_default: 'deny',
    authorization: [...LOOKED_AT.map((claim) => rule(`/ws/${claim}/{id}`, claim, 'x:{id}')), holding],
  },
  'all for the path': {
    authorization_default: 'deny',
    authorization: [...LOOKED_AT.map((claim) => rule('/ws/ai/{topic}', claim, 'x:{topic}')), holding],
  },
};
