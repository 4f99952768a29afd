import { lesserAccess, type Access } from '../../protocol/access';
import { fitsTemplate, paramsOf, pathSegments, type PathParams } from '../../protocol/path-template';
import type { Authorization, AuthorizationRule, ClaimCondition, RulePath } from '../config/authorization';
import { fitsValue } from '../config/value-template';
import type { VerifiedToken } from '../token/verify';
import { accessByDetails } from './details';
import type { Answer, Question } from './question';

/** The verdict of the rules on one token and one path. */
export type Judgement =
  /** `access` is undefined where there are no rules to decide it. */
  | { readonly isGranted: true; readonly access: Access | undefined }
  /** `by` is the field that refused, such as `authorization[2].claim`. */
  | { readonly isGranted: false; readonly by: string };

/** No verdict yet: an authorization service has to be asked. */
export interface Asks {
  readonly isGranted: undefined;
  readonly question: Question;
}

/** Tells the answer to a rule's question, where there is one. */
export type Said = (question: Question) => Answer | undefined;

/** One rule that was asked, for who wants to know why. */
export interface Step {
  readonly rule: number;
  /** The path of it that fits. */
  readonly path: string;
  /** The field of it that does not hold; undefined where all do. */
  readonly lacks: string | undefined;
  /** The authorization service that it asks; undefined where it asks none, or does not come to that. */
  readonly asked: string | undefined;
}

/** The parts of a token that rules look at. */
export type Bearer = Pick<VerifiedToken, 'identity' | 'rights'>;

const UNJUDGED: Judgement = Object.freeze({ isGranted: true, access: undefined });
const ALLOWED: Judgement = Object.freeze({ isGranted: true, access: 'write' });
const GRANTS = Object.freeze({
  read: Object.freeze({ isGranted: true, access: 'read' } satisfies Judgement),
  write: ALLOWED,
});
const DENIED: Judgement = Object.freeze({ isGranted: false, by: 'authorization_default' });

/**
 * Judges whether a token may open a path, and how.
 * @param path the one that the assertion is for, in its one spelling
 * @param said what is known of the answers of authorization services; nothing where it is undefined
 * @param onStep told of each rule that is asked
 */
export function judge(
  authorization: Authorization,
  path: string,
  bearer: Bearer,
  said?: Said,
  onStep?: (step: Step) => void,
): Judgement | Asks {
  const { rules, otherwise } = authorization;
  if (rules.length === 0) return otherwise === 'allow' ? UNJUDGED : DENIED;
  const segments = pathSegments(path) ?? [];
  // An escape hides no literal: a route may take for a parameter what is one here.
  const spelt = path.includes('%') && mayFit(rules, segments) ? segments.map(unescaped) : segments;
  let refusedBy: RuleField | undefined;
  let refusing = 0;
  let read: RulePath | undefined;
  let params: PathParams | 'malformed' | 'nowhere' = 'nowhere';
  for (let index = 0; index < rules.length; index += 1) {
    const rule = rules[index];
    const fitting = rule && fittingPath(rule, spelt);
    if (rule === undefined || fitting === undefined) continue;
    // Rules for one path have the same parameters, which are unescaped once.
    if (read?.text !== fitting.text) params = paramsOf(fitting.template, segments);
    read = fitting;
    let found = look(rule, params, bearer);
    const { url } = rule;
    const asked = isAccess(found) ? url : undefined;
    if (isAccess(found) && url !== undefined && typeof params === 'object') {
      const question = { rule: index, url, path, params, identity: bearer.identity };
      const answer = said?.(question);
      if (answer === undefined) return { isGranted: undefined, question };
      found = accessBy(answer, found);
    }
    onStep?.({ rule: index, path: fitting.text, lacks: isAccess(found) ? undefined : found, asked });
    if (isAccess(found)) return GRANTS[found];
    refusedBy = found;
    refusing = index;
    if (rule.otherwise === 'refuse') break;
  }
  if (refusedBy !== undefined) return { isGranted: false, by: `authorization[${refusing}].${refusedBy}` };
  return otherwise === 'allow' ? ALLOWED : DENIED;
}

/** Whether a rule has a path of so many segments: a client may send thousands, and to unescape a malformed one costs an error. */
function mayFit(rules: readonly AuthorizationRule[], { length }: readonly string[]): boolean {
  return rules.some(({ paths }) => paths.some(({ template }) => template.length === length));
}

function fittingPath({ paths }: AuthorizationRule, segments: readonly string[]): RulePath | undefined {
  for (const path of paths) if (fitsTemplate(path.template, segments)) return path;
  return undefined;
}

/** A field of a rule that may not hold. */
type RuleField = 'paths' | 'roles' | 'claim' | 'details' | 'url';

function isAccess(found: Access | RuleField): found is Access {
  return found === 'read' || found === 'write';
}

/** The access that a rule gives, or the first field of it that does not hold. A path that leads nowhere is nobody's. */
function look(
  { roles, claim, details, access }: AuthorizationRule,
  params: PathParams | 'malformed' | 'nowhere',
  { identity, rights }: Bearer,
): Access | RuleField {
  if (typeof params === 'string') return 'paths';
  if (roles !== undefined && !identity.roles.some((role) => roles.has(role))) return 'roles';
  if (claim !== undefined && !hasValue(claim, params, rights.claims[claim.index] ?? [])) return 'claim';
  if (details === undefined) return access;
  return accessByDetails(details, params, rights.details, access) ?? 'details';
}

function accessBy(answer: Answer, most: Access): Access | RuleField {
  return answer.isAllowed ? lesserAccess(answer.access ?? most, most) : 'url';
}

function hasValue({ values }: ClaimCondition, params: PathParams, texts: readonly string[]): boolean {
  for (const value of values) if (fitsValue(value, params, texts)) return true;
  return false;
}

function unescaped(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
