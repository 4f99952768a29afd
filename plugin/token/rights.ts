import { idFrom } from '../../protocol/identity';
import type { TokenRules } from '../config/config';
import { claimAt } from './claims';

/** The claims of a token that rules of authorization look at, whatever the path: a known token keeps them. */
export interface Rights {
  /** The texts of each claim, in the order of the rules' claims. */
  readonly claims: readonly (readonly string[])[];
}

/** Reads what the rules look at. */
export function rightsFrom(
  payload: unknown,
  { authorizationClaims }: Pick<TokenRules, 'authorizationClaims'>,
): Rights {
  if (authorizationClaims.length === 0) return NONE;
  return { claims: authorizationClaims.map((path) => textsFrom(claimAt(payload, path))) };
}

const NONE: Rights = Object.freeze({ claims: [] });

/** A text, or an array of them; an integer is its digits, as for ids. Anything else is no text. */
export function textsFrom(claim: unknown): readonly string[] {
  const items: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return items.map(idFrom).filter((text) => text !== undefined);
}
