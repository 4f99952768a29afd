import type { Authorization } from '../config/authorization';
import type { VerifiedToken } from '../token/verify';
import { judge, type Asks, type Judgement } from './judge';

/** A longer path is judged anew each time: what is kept with a token is small. */
export const MAX_KEPT_PATH_LENGTH = 256;

/** The latest judgement of a token. */
interface Kept {
  readonly authorization: Authorization;
  readonly path: string;
  readonly judgement: Judgement | Asks;
}

const kept = new WeakMap<VerifiedToken, Kept>();

/**
 * Judges as {@link judge} does where no answer of a service is known: all follows from the token, the rules and the path. So it keeps the
 * latest judgement of a token for as long as the token is kept. Most tokens come back to the path that they were for, and ten rules cost
 * more than a tenth of a decision.
 */
export function keptJudgement(
  authorization: Authorization,
  path: string,
  token: VerifiedToken,
): Judgement | Asks {
  if (authorization.rules.length === 0) return judge(authorization, path, token);
  const known = kept.get(token);
  if (known?.path === path && known.authorization === authorization) return known.judgement;
  const judgement = judge(authorization, path, token);
  if (path.length <= MAX_KEPT_PATH_LENGTH) kept.set(token, { authorization, path: copyOf(path), judgement });
  return judgement;
}

/** An engine keeps the whole text that a part of it was cut from: here one that may hold the client's token. */
function copyOf(path: string): string {
  return Buffer.from(path).toString();
}
