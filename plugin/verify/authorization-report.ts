import type { Step } from '../authorization/judge';
import type { Authorizing } from './verify';

/** The answers of the rules of authorization, one line a rule that was asked. */
export function authorizationLines(authorizing: Authorizing | undefined): readonly string[] {
  if (authorizing === undefined) return [];
  const { judgement, steps, rules, otherwise } = authorizing;
  const said = `authorization_default: ${otherwise}`;
  if (rules === 0) return [`authorization: no rules; ${said}, for every path`];
  const asked =
    steps.length > 0 ? steps.map(stepLine) : [`authorization: none of ${rules} rules fits; ${said}`];
  return judgement.isGranted === true ? [...asked, `access: ${judgement.access ?? 'write'}`] : asked;
}

function stepLine({ rule, path, lacks, asked }: Step): string {
  const name = `authorization[${rule}], ${path}`;
  if (asked !== undefined) return `${name}: holds where ${asked} allows, which was not asked`;
  if (lacks === undefined) return `${name}: holds`;
  return `${name}: ${LACKS[lacks] ?? 'does not hold'}`;
}

const LACKS: Readonly<Record<string, string>> = {
  paths: 'a parameter is empty, too long or not percent-encoded UTF-8',
  roles: 'the token has none of the roles',
  claim: 'the claim has none of the values',
  details: 'no element of authorization_details has the type, a location and an action',
};
