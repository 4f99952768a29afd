import { idFrom } from '../../protocol/identity';
import type { TokenRules } from '../config/config';
import { claimAt } from './claims';

/** The claims of a token that rules of authorization look at, whatever the path: a known token keeps them. */
export interface Rights {
  /** The texts of each claim, in the order of the rules' claims. */
  readonly claims: readonly (readonly string[])[];
  /** The elements of `authorization_details` whose types rules look at. */
  readonly details: readonly AuthorizationDetail[];
}

/** One element of `authorization_details` (RFC 9396 §2). */
export interface AuthorizationDetail {
  readonly type: string;
  readonly locations: readonly string[];
  readonly actions: readonly string[];
}

/** Reads what the rules look at. */
export function rightsFrom(
  payload: unknown,
  rules: Pick<TokenRules, 'authorizationClaims' | 'authorizationDetailTypes'>,
): Rights {
  const { authorizationClaims: paths, authorizationDetailTypes: types } = rules;
  if (paths.length === 0 && types.length === 0) return NONE;
  return {
    claims: paths.map((path) => textsFrom(claimAt(payload, path))),
    details: types.length === 0 ? NONE.details : detailsFrom(payload, types),
  };
}

const NONE: Rights = Object.freeze({ claims: [], details: [] });

/** An element with a member of another type than the RFC's counts for nothing, and so does a claim that is no array. */
function detailsFrom(payload: unknown, types: readonly string[]): readonly AuthorizationDetail[] {
  const claim = claimAt(payload, ['authorization_details']);
  if (!Array.isArray(claim)) return [];
  return claim.flatMap((element: unknown) => {
    const type = claimAt(element, ['type']);
    const [locations, actions] = [memberTexts(element, 'locations'), memberTexts(element, 'actions')];
    if (typeof type !== 'string' || locations === undefined || actions === undefined) return [];
    return types.includes(type) ? [{ type, locations, actions }] : [];
  });
}

/** None where there is no such member; undefined where it is no array of strings. */
function memberTexts(element: unknown, name: string): readonly string[] | undefined {
  const member = claimAt(element, [name]);
  if (member === undefined) return [];
  return Array.isArray(member) && member.every((item) => typeof item === 'string') ? member : undefined;
}

/** A text, or an array of them; an integer is its digits, as for ids. Anything else is no text. */
export function textsFrom(claim: unknown): readonly string[] {
  const items: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return items.map(idFrom).filter((text) => text !== undefined);
}
