import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { judge } from '../../../plugin/authorization/judge';
import type { Answer } from '../../../plugin/authorization/question';
import { compileAuthorization } from '../../../plugin/config/authorization';
import type { RawConfig } from '../../../plugin/config/raw';
import { rightsFrom } from '../../../plugin/token/rights';
import { canonicalPath } from '../../../protocol/path';

interface Rule {
  readonly paths: readonly string[];
  readonly roles?: readonly string[];
  readonly claim?: readonly string[];
  readonly values?: readonly string[];
  readonly details?: NaiveDetails;
  readonly url?: string;
  readonly access: string;
  readonly otherwise: string;
}
interface NaiveDetails {
  readonly type: string;
  readonly locations?: readonly string[];
  readonly read_actions?: readonly string[];
  readonly write_actions?: readonly string[];
}
type Claims = Record<string, unknown>;
type Right = 'all' | 'reading' | 'none';
/** By their URLs. */
type Services = Record<string, 'allows' | 'allows to write' | 'allows to read' | 'refuses'>;

/*
 * The same rules a second time, as one would write them first: by text and one character after the other, with nothing compiled
 * and nothing kept.
 */
function naively(
  rules: readonly Rule[],
  fallback: string,
  path: string,
  roles: readonly string[],
  claims: Claims,
  services: Services,
) {
  let fitted = false;
  for (const rule of rules) {
    const template = rule.paths.find((candidate) => naiveParams(candidate, path) !== undefined);
    if (template === undefined) continue;
    fitted = true;
    const params = naiveParams(template, path) ?? {};
    const holds = naivelyHolds(rule, params, roles, claims);
    let right: Right = holds ? 'all' : 'none';
    if (holds && rule.details !== undefined)
      right = naiveRight(rule.details, params, claims['authorization_details']);
    if (right !== 'none' && rule.url !== undefined) {
      const said = services[rule.url] ?? 'refuses';
      if (said === 'refuses') right = 'none';
      if (said === 'allows to read') right = 'reading';
    }
    if (right === 'all') return rule.access;
    if (right === 'reading') return 'read';
    if (rule.otherwise === 'refuse') return 'refused';
  }
  if (fitted) return 'refused';
  if (rules.length === 0 && fallback === 'allow') return undefined;
  return fallback === 'allow' ? 'write' : 'refused';
}

/** The parameters, of which one is null when it cannot be used; undefined when the path is another one. */
function naiveParams(template: string, path: string): Record<string, string | null> | undefined {
  const [wanted, given] = [template.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string | null> = Object.create(null) as Record<string, string | null>;
  for (const [index, piece] of wanted.entries()) {
    const text = decoded(given[index] ?? '');
    if (piece.startsWith('{')) {
      const usable = text !== null && text !== '' && new TextEncoder().encode(text).length <= 256;
      params[piece.slice(1, -1)] = usable ? text : null;
    } else if ((text ?? given[index]) !== piece) return undefined;
  }
  return params;
}

function decoded(text: string): string | null {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] !== '%') {
      bytes.push(...new TextEncoder().encode(text[at]));
      continue;
    }
    const hex = text.slice(at + 1, at + 3);
    if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return null;
    bytes.push(parseInt(hex, 16));
    at += 2;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return null;
  }
}

function naivelyHolds(
  rule: Rule,
  params: Record<string, string | null>,
  roles: readonly string[],
  claims: Claims,
) {
  if (Object.values(params).includes(null)) return false;
  if (rule.roles?.some((role) => roles.includes(role)) === false) return false;
  if (rule.claim === undefined || rule.values === undefined) return true;
  let found: unknown = claims;
  for (const name of rule.claim) {
    const isPlain = typeof found === 'object' && found !== null && !Array.isArray(found);
    found = isPlain ? new Map(Object.entries(found as object)).get(name) : undefined;
  }
  const texts = (Array.isArray(found) ? (found as unknown[]) : [found])
    .map((item) => (Number.isSafeInteger(item) ? `${item as number}` : item))
    .filter((item) => typeof item === 'string' && item !== '') as string[];
  return rule.values.some((value) => texts.some((text) => naivelySays(value, params, text)));
}

/** Every element by itself, and of all the best. */
function naiveRight(
  details: NaiveDetails | undefined,
  params: Record<string, string | null>,
  claim: unknown,
): Right {
  const rights = (Array.isArray(claim) ? (claim as unknown[]) : []).map((element) =>
    naiveRightOf(details, params, element),
  );
  if (rights.includes('all')) return 'all';
  return rights.includes('reading') ? 'reading' : 'none';
}

function naiveRightOf(
  details: NaiveDetails | undefined,
  params: Record<string, string | null>,
  element: unknown,
): Right {
  if (details === undefined || typeof element !== 'object' || element === null || Array.isArray(element))
    return 'none';
  const said = new Map<string, unknown>(Object.entries(element));
  const [locations = [], actions = []] = [said.get('locations'), said.get('actions')];
  if (said.get('type') !== details.type) return 'none';
  if (!isTexts(locations) || !isTexts(actions)) return 'none';
  const isThere = (value: string) => locations.some((location) => naivelySays(value, params, location));
  if (details.locations !== undefined && !details.locations.some(isThere)) return 'none';
  const { read_actions: read, write_actions: write } = details;
  if (read === undefined && write === undefined) return 'all';
  for (const action of actions) if (write?.includes(action) === true) return 'all';
  for (const action of actions) if (read?.includes(action) === true) return 'reading';
  return 'none';
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && !value.some((item) => typeof item !== 'string');
}

/** Tries every way to read a token's text as the value. Where a parameter could be read in two ways, it is none. */
function naivelySays(value: string, params: Record<string, string | null>, text: string): boolean {
  if (value === '*') return text === '*';
  const isOpen = value.endsWith('*');
  const pieces = (isOpen ? value.slice(0, -1) : value).split(/(?=\{)|(?<=\})/);
  let rest = text;
  for (const [index, piece] of pieces.entries()) {
    const isParam = piece.startsWith('{');
    const wanted = isParam ? String(params[piece.slice(1, -1)]) : piece;
    const isFollowed = isOpen || pieces.slice(index + 1).some((later) => later.startsWith('{'));
    if (isParam && isFollowed && wanted.includes(pieces[index + 1]?.charAt(0) ?? '')) return false;
    if (!rest.startsWith(wanted)) return false;
    rest = rest.slice(wanted.length);
  }
  return isOpen || rest === '';
}

const ID = fc.oneof(
  fc.constantFrom(
    '7',
    '8',
    'a',
    'A',
    'a:b',
    'a/b',
    '*',
    'a*',
    '7-*',
    '__proto__',
    'constructor',
    '{id}',
    '%2F',
    'a%2Fb',
    'ä',
    ' ',
    '.',
    '..',
  ),
  fc.string({ maxLength: 3, unit: 'binary' }).filter((text) => text.isWellFormed()),
);
/** The same id in one of many spellings. */
const SPELT = fc.oneof(
  ID.chain((id) =>
    fc.constantFrom(
      id,
      encodeURIComponent(id),
      encodeURIComponent(encodeURIComponent(id)),
      [...new TextEncoder().encode(id)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
      id.toUpperCase(),
    ),
  ),
  fc.constantFrom('', '%', '%zz', '%FF', '%c3%28', 'x'.repeat(257)),
);
const PATHS = ['/ws/{kind}/{id}', '/ws/a/{id}', '/ws/{kind}/7', '/ws/a/7', '/ws/a@b/{id}'];
const KIND = fc.oneof(fc.constantFrom('a', 'b', 'a@b', 'a%40b', '%61', 'A'), SPELT);
const PATH = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('/ws/a/7', '/ws/b/7', '/ws/a/8') },
  fc.tuple(KIND, SPELT).map(([kind, id]) => `/ws/${kind}/${id}`),
  SPELT.map((id) => `/ws/a/x/../${id}`),
  fc.constantFrom('/ws/a', '/ws/a/7/', '/', '/ws//a/7'),
);
const CLAIM = fc.constantFrom(['docs'], ['realm', 'docs'], ['__proto__'], ['constructor', 'name'], ['realm']);
const valuesFor = (paths: readonly string[]) => {
  const shared = ['{kind}', '{id}'].filter((param) => paths.every((path) => path.includes(param)));
  const fixed = ['*', '7', 'a-*', 'Object', 'a:*'];
  const own = shared.flatMap((param) => [param, `x${param}`, `${param}-*`, `${param}:v`]);
  const both = shared.length === 2 ? ['{kind}:{id}', '{id}-{kind}', '{kind}:{id}:*'] : [];
  return fc.uniqueArray(fc.constantFrom(...fixed, ...own, ...both), { minLength: 1, maxLength: 3 });
};
const ROLES = fc.uniqueArray(fc.constantFrom('r', 'R', 'admin', '*'), { minLength: 1 });
const ACTIONS = fc.option(fc.uniqueArray(fc.constantFrom('view', 'edit', '*'), { minLength: 1 }), {
  nil: undefined,
});
const detailsFor = (paths: readonly string[]) =>
  fc
    .record({
      type: fc.constantFrom('board', 'document'),
      locations: fc.option(valuesFor(paths), { nil: undefined }),
      read_actions: ACTIONS,
      write_actions: ACTIONS,
    })
    .map((details) => JSON.parse(JSON.stringify(details)) as NaiveDetails);
const URLS = ['http://opa/one', 'http://opa/two'];
const SERVICES = fc.dictionary(
  fc.constantFrom(...URLS),
  fc.constantFrom('allows', 'allows to write', 'allows to read', 'refuses', 'refuses'),
  { minKeys: 2 },
) as fc.Arbitrary<Services>;
/** The answer as a service gives it. */
const answerOf = (services: Services, url: string): Answer => {
  const said = services[url] ?? 'refuses';
  if (said === 'refuses') return { isAllowed: false };
  if (said === 'allows') return { isAllowed: true, access: undefined };
  return { isAllowed: true, access: said === 'allows to read' ? 'read' : 'write' };
};
const RULE: fc.Arbitrary<Rule> = fc
  .uniqueArray(fc.constantFrom(...PATHS), { minLength: 1, maxLength: 2 })
  .chain((paths) =>
    fc.record({
      paths: fc.constant(paths),
      roles: fc.option(ROLES, { nil: undefined, freq: 2 }),
      condition: fc.option(fc.record({ claim: CLAIM, values: valuesFor(paths) }), {
        nil: undefined,
        freq: 2,
      }),
      details: fc.option(detailsFor(paths), { nil: undefined, freq: 2 }),
      url: fc.option(fc.constantFrom(...URLS), { nil: undefined, freq: 2 }),
      access: fc.constantFrom('read', 'write'),
      otherwise: fc.constantFrom('refuse', 'next'),
    }),
  )
  .map(({ condition, roles, details, url, ...rule }) => ({
    ...rule,
    ...(url !== undefined && { url }),
    ...(roles && { roles }),
    ...(details && { details }),
    ...condition,
  }));
const TEXT = fc.oneof(
  ID,
  ID.map((id) => `${id}-x`),
  ID.map((id) => `x${id}`),
  fc.tuple(ID, ID).map(([a, b]) => `${a}:${b}`),
  fc.tuple(ID, ID).map(([a, b]) => `${a}-${b}`),
);
const ODD = fc.constantFrom<unknown>(null, true, {}, [], '', 0, -0, 7, 8, 7.5, 1e21, [['7']], { 7: '7' }, [
  '7',
  8,
  null,
]);
const CLAIMED = fc.oneof(TEXT, fc.array(fc.oneof(TEXT, ODD), { maxLength: 4 }), ODD);
const DETAIL = fc.record(
  {
    type: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('board', 'document') },
      { weight: 1, arbitrary: ODD },
    ),
    locations: fc.oneof(
      {
        weight: 6,
        arbitrary: fc.array(fc.oneof(TEXT, fc.constantFrom('*', '7')), { minLength: 1, maxLength: 4 }),
      },
      { weight: 1, arbitrary: CLAIMED },
    ),
    actions: fc.oneof(
      { weight: 6, arbitrary: fc.subarray(['view', 'edit', '*', 'Edit', '__proto__'], { minLength: 1 }) },
      { weight: 1, arbitrary: CLAIMED },
    ),
  },
  { requiredKeys: [] },
);
const DETAILS = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(fc.oneof({ weight: 8, arbitrary: DETAIL }, ODD), { minLength: 1, maxLength: 4 }),
  },
  { weight: 1, arbitrary: fc.oneof(DETAIL, ODD) },
);
const CLAIMS = fc.record(
  {
    docs: CLAIMED,
    realm: fc.oneof(fc.record({ docs: CLAIMED }), CLAIMED),
    authorization_details: DETAILS,
  },
  { requiredKeys: [] },
);

it('rules admit what a second, naive reading of them admits, and nothing else', () => {
  const seen = new Map<unknown, number>();
  fc.assert(
    fc.property(
      fc.array(RULE, { maxLength: 6 }),
      fc.constantFrom('allow', 'deny'),
      PATH,
      fc.uniqueArray(fc.constantFrom('r', 'admin', '*')),
      CLAIMS,
      SERVICES,
      (rules, fallback, path, roles, claims, services) => {
        const raw = { authorization: rules, authorization_default: fallback };
        const authorization = compileAuthorization(raw as unknown as RawConfig);
        const payload = JSON.parse(JSON.stringify(claims)) as Claims;
        const spelt = canonicalPath(path);
        const identity = { tenantId: 'acme', userId: 'u1', roles };
        const rights = rightsFrom(payload, {
          authorizationClaims: authorization.claims,
          authorizationDetailTypes: authorization.detailTypes,
        });
        const verdict = judge(authorization, spelt, { identity, rights }, (question) => {
          expect(question).toMatchObject({ path: spelt, identity });
          const templates = rules[question.rule]?.paths ?? [];
          expect(templates.map((template) => ({ ...naiveParams(template, spelt) }))).toContainEqual({
            ...question.params,
          });
          return answerOf(services, question.url);
        });
        const ours = verdict.isGranted ? verdict.access : 'refused';
        const refusing = verdict.isGranted !== false ? [] : [verdict.by.replace(/^.*\./, '')];
        for (const outcome of [ours, ...refusing]) seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
        expect(ours).toBe(naively(rules, fallback, spelt, roles, payload, services));
      },
    ),
    { numRuns: 6000 },
  );
  for (const outcome of ['read', 'write', 'refused', 'paths', 'roles', 'claim', 'details', 'url'])
    expect(seen.get(outcome)).toBeGreaterThan(50);
});
