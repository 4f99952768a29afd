import { readAccess } from '../../protocol/access';
import type { Answer } from './question';

const REFUSED: Answer = Object.freeze({ isAllowed: false });
const ALLOWED: Answer = Object.freeze({ isAllowed: true, access: undefined });

/**
 * The decision in the response of an authorization service: `true`, `false` or `{"allow": …, "access": …}`, each also as OPA's `result`.
 * @param body of a response with status 2xx
 * @throws for everything that is no decision: nothing is guessed
 */
export function readAnswer(status: number, body: string): Answer {
  if (status === 403) return REFUSED;
  if (status < 200 || status > 299) throw new Error(`status ${status}`);
  return decisionIn(resultIn(parsed(body)));
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Error('a body that is not JSON');
  }
}

/** OPA answers `{}` where its policy is undefined, which allows nothing and refuses nothing. */
function resultIn(value: unknown): unknown {
  if (!isObject(value) || !Object.hasOwn(value, 'result')) return value;
  if (Object.hasOwn(value, 'allow')) throw new Error('a body with both result and allow');
  return value['result'];
}

function decisionIn(value: unknown): Answer {
  if (typeof value === 'boolean') return value ? ALLOWED : REFUSED;
  const allow = isObject(value) && Object.hasOwn(value, 'allow') ? value['allow'] : undefined;
  if (allow === false) return REFUSED;
  if (allow !== true || !isObject(value)) throw new Error('a body without a decision');
  if (!Object.hasOwn(value, 'access')) return ALLOWED;
  const access = readAccess(value['access']);
  if (access === undefined) throw new Error('an access that is neither read nor write');
  return { isAllowed: true, access };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
