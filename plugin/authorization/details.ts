import { lesserAccess, type Access } from '../../protocol/access';
import type { PathParams } from '../../protocol/path-template';
import type { DetailsCondition } from '../config/authorization';
import { fitsValue } from '../config/value-template';
import type { AuthorizationDetail } from '../token/rights';

/**
 * The access that a token's `authorization_details` give, which together give what each of them gives. An action that the condition does
 * not name gives nothing.
 * @param most what the rule gives at most
 * @returns undefined where they give none
 */
export function accessByDetails(
  condition: DetailsCondition,
  params: PathParams,
  details: readonly AuthorizationDetail[],
  most: Access,
): Access | undefined {
  let isReader = false;
  for (const { type, locations, actions } of details) {
    if (type !== condition.type) continue;
    if (condition.locations?.some((location) => fitsValue(location, params, locations)) === false) continue;
    if (condition.actions === undefined) return most;
    const { read, write } = condition.actions;
    if (actions.some((action) => write.has(action))) return most;
    isReader ||= actions.some((action) => read.has(action));
  }
  return isReader ? lesserAccess('read', most) : undefined;
}
