import { ACCESSES } from '../../protocol/access';
import type { FieldRule, SchemaField } from './field';
import { authorizationService } from './authorization-service';
import { pathTemplate, serviceUrl } from './patterns';

/** The fate of an upgrade where a rule fits and does not hold. */
export const RULE_OTHERWISE = ['refuse', 'next'] as const;
/** Its fate where no rule fits. */
export const AUTHORIZATION_DEFAULTS = ['allow', 'deny'] as const;

const texts = (description: string): FieldRule => ({
  type: 'array',
  elements: { type: 'string', len_min: 1 },
  len_min: 1,
  description,
});

/** RFC 9396. No record straight within a list's element is there unless it is given. */
const detailsField: FieldRule = {
  type: 'record',
  description:
    "An element that the token's `authorization_details` (RFC 9396) must have. An element with a member of another type than the RFC's counts for nothing.",
  fields: [
    {
      type: {
        type: 'string',
        required: true,
        description: 'Required: the `type` of the element, character by character.',
      },
    },
    {
      locations: texts(
        'The texts of which its `locations` need one, in the form of `values`. Without them locations do not matter.',
      ),
    },
    {
      read_actions: texts(
        'The actions that make a reader. Without read_actions and write_actions no action is needed, and the rule gives its access.',
      ),
    },
    {
      write_actions: texts(
        'The actions that give the access of the rule. Elements add up; an action that is named nowhere here gives nothing.',
      ),
    },
  ],
};

const ruleField: FieldRule = {
  type: 'record',
  entity_checks: [{ mutually_required: ['claim', 'values'] }],
  fields: [
    {
      paths: {
        type: 'array',
        elements: { type: 'string', ...pathTemplate },
        len_min: 1,
        required: true,
        description:
          'Required: the paths that the rule is for, as the bridge gets them, in the form of its routes file: `/ws/bi/dashboards/{id}`. A segment is literal or a whole `{param}`, which is unescaped once.',
      },
    },
    { roles: texts('The roles of which a token needs one, in the case in which it stands there.') },
    {
      claim: texts(
        'The claim that needs one of `values`: a text, an integer, or an array of them. Several elements are the path to a nested claim.',
      ),
    },
    {
      values: texts(
        "The texts of which `claim` needs one, with `{param}`s of the path in them. `*` by itself is that text: a token's word for all. One that ends in `*` is met by any text that begins so. A token's own texts are never patterns.",
      ),
    },
    { details: detailsField },
    {
      url: {
        type: 'string',
        referenceable: true,
        ...serviceUrl,
        description:
          'An authorization service that is asked once all else in the rule holds, as authorization_service says: `http://opa:8181/v1/data/ws/decision`. Without an answer the upgrade is refused with 503.',
      },
    },
    {
      access: {
        type: 'string',
        required: true,
        one_of: ACCESSES,
        default: 'write',
        description:
          'The access that the rule gives. With `read` a client gets all and changes nothing: the bridge refuses its messages with READ_ONLY.',
      },
    },
    {
      otherwise: {
        type: 'string',
        required: true,
        one_of: RULE_OTHERWISE,
        default: 'refuse',
        description:
          'Where the path fits and a condition does not hold: `refuse` with 403, or ask the `next` rule that fits. Where none is left, the upgrade is refused.',
      },
    },
  ],
};

/** Who may open what. */
export const authorizationFields: readonly SchemaField[] = [
  {
    authorization: {
      type: 'array',
      required: true,
      elements: ruleField,
      default: [],
      description:
        'The rules of who may open which path (docs/authorization.md). The first whose paths fit decides. All its conditions must hold; one without conditions holds for every good token.',
    },
  },
  { authorization_service: authorizationService },
  {
    authorization_default: {
      type: 'string',
      required: true,
      one_of: AUTHORIZATION_DEFAULTS,
      default: 'allow',
      description:
        'Where no rule of `authorization` fits: `allow` lets every good token open the path, `deny` refuses it with 403.',
    },
  },
];
