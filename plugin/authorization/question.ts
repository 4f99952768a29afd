import type { Access } from '../../protocol/access';
import type { Identity } from '../../protocol/identity';
import type { PathParams } from '../../protocol/path-template';
import type { QuestionFormat } from '../config/authorization-service';

/** One rule's question to its authorization service. */
export interface Question {
  /** The place of the rule among the rules. */
  readonly rule: number;
  readonly url: string;
  readonly path: string;
  readonly params: PathParams;
  readonly identity: Identity;
}

/** The decision of an authorization service. */
export type Answer =
  /** `access` is undefined where it says none: the rule's counts. */
  { readonly isAllowed: true; readonly access: Access | undefined } | { readonly isAllowed: false };

/** The members that an answer depends on: equal questions have equal ones. */
export function askedOf({ path, params, identity }: Question): Readonly<Record<string, unknown>> {
  const { tenantId: tenant, userId: user, roles } = identity;
  return { tenant, user, roles, path, parameters: params };
}

/** The body that asks. */
export function questionBody(question: Question, requestId: string, format: QuestionFormat): string {
  const asked = { ...askedOf(question), request_id: requestId };
  return JSON.stringify(format === 'opa' ? { input: asked } : asked);
}
