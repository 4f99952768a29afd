import { describe, expect, it, jest } from '@jest/globals';
import { judge, type Judgement } from '../../../plugin/authorization/judge';
import { parseConfig } from '../../../plugin/config/parse';
import { rightsFrom } from '../../../plugin/token/rights';
import { canonicalPath } from '../../../protocol/path';
import { rawConfig } from '../fixture';

type Rule = Record<string, unknown>;
type Claims = Record<string, unknown>;

const BOARD = '/ws/bi/dashboards/{id}';
const DOCUMENT = '/ws/collaboration/{id}';
const BY_CLAIM: Rule = { paths: [BOARD], claim: ['dashboards'], values: ['{id}', '*'] };

async function judged(rules: Rule[], path: string, claims: Claims = {}, changes: Claims = {}) {
  const { config } = await parseConfig(rawConfig({ authorization: rules, ...changes }));
  const payload = JSON.parse(JSON.stringify(claims)) as Claims;
  const roles = (payload['roles'] ?? []) as string[];
  const bearer = {
    identity: { tenantId: 'acme', userId: 'u1', roles },
    rights: rightsFrom(payload, config.token),
  };
  return judge(config.authorization, canonicalPath(path), bearer);
}

const write: Judgement = { isGranted: true, access: 'write' };
const read: Judgement = { isGranted: true, access: 'read' };
const refusedBy = (by: string): Judgement => ({ isGranted: false, by });

describe('without rules', () => {
  it('every path is open, and nothing is decided', async () => {
    expect(await judged([], '/ws/notifications')).toEqual({ isGranted: true, access: undefined });
  });

  it('no path is open where the default is to deny', async () => {
    const denied = await judged([], '/ws/notifications', {}, { authorization_default: 'deny' });
    expect(denied).toEqual(refusedBy('authorization_default'));
  });
});

describe('the first rule whose paths fit decides', () => {
  const rules = [
    { paths: ['/ws/bi/dashboards/secret', '/ws/vault'], roles: ['admin'] },
    { paths: [BOARD], roles: ['analyst'], access: 'read' },
  ];

  it.each([
    ['/ws/bi/dashboards/secret', ['analyst'], refusedBy('authorization[0].roles')],
    ['/ws/bi/dashboards/secret', ['analyst', 'admin'], write],
    ['/ws/vault', ['admin'], write],
    ['/ws/bi/dashboards/7', ['admin'], refusedBy('authorization[1].roles')],
    ['/ws/bi/dashboards/7', ['analyst'], read],
    ['/ws/bi/dashboards/7', ['Analyst'], refusedBy('authorization[1].roles')],
    ['/ws/notifications', [], write],
  ])('%s for %j', async (path, roles, verdict) => {
    expect(await judged(rules, path, { roles })).toEqual(verdict);
  });

  it('and where none fits the default', async () => {
    const changes = { authorization_default: 'deny' };
    expect(await judged(rules, '/ws/notifications', {}, changes)).toEqual(refusedBy('authorization_default'));
    expect(await judged([{ paths: ['/ws/notifications'] }], '/ws/notifications', {}, changes)).toEqual(write);
  });
});

describe('a rule that hands on', () => {
  const rules = [
    { paths: [DOCUMENT], claim: ['documents', 'edit'], values: ['{id}'], otherwise: 'next' },
    { paths: [DOCUMENT], claim: ['documents', 'view'], values: ['{id}'], access: 'read', otherwise: 'next' },
  ];

  it.each([
    ['an editor', { edit: ['7'], view: ['7'] }, write],
    ['a viewer', { edit: ['8'], view: ['7'] }, read],
    ['neither, also where the default would allow', { edit: ['8'] }, refusedBy('authorization[1].claim')],
  ])('lets a document have editors and viewers: %s', async (_, documents, verdict) => {
    expect(await judged(rules, '/ws/collaboration/7', { documents })).toEqual(verdict);
  });
});

describe('all conditions of a rule must hold', () => {
  it.each([
    [{ roles: ['a'], dashboards: ['7'] }, write],
    [{ roles: ['b'], dashboards: ['7'] }, refusedBy('authorization[0].roles')],
    [{ roles: ['a'], dashboards: ['8'] }, refusedBy('authorization[0].claim')],
  ])('%j', async (claims, verdict) => {
    expect(await judged([{ ...BY_CLAIM, roles: ['a', 'c'] }], '/ws/bi/dashboards/7', claims)).toEqual(
      verdict,
    );
  });
});

/** The claim `dashboards` of a token, and an id that it is for. */
const ADMITTED: readonly [claim: unknown, id: string][] = [
  ['7', '7'],
  [['8', '7'], '7'],
  [7, '7'],
  [[8, 7], '7'],
  ['*', 'anything'],
  [['x', '*'], 'a%2Fb'],
  ['a/b', 'a%2Fb'],
  ['a/b', 'a%2fb'],
  ['a%2Fb', 'a%252Fb'],
  ['ä', '%C3%A4'],
  ['ä', 'ä'],
  ['a b', 'a%20b'],
  ['a+b', 'a+b'],
  ['a+b', 'a%2Bb'],
  ['7', '%37'],
  ['sales-*', 'sales-*'],
  ['sales-*', 'sales-%2A'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['{id}', '%7Bid%7D'],
  [['7', null, {}, [], true, 1.5], '7'],
];

/** Neither by an id's escapes, nor by a claim's odd type, nor by what looks like a pattern. */
const REFUSED: readonly [claim: unknown, id: string][] = [
  [undefined, '7'],
  [null, '7'],
  ['', '7'],
  [[], '7'],
  [[''], '7'],
  [{}, '7'],
  [{ 7: true }, '7'],
  [{ length: 1, 0: '7' }, '7'],
  [[['7']], '7'],
  [[{ id: '7' }], '7'],
  [true, 'true'],
  [null, 'null'],
  [[null], 'null'],
  [undefined, 'undefined'],
  [7.5, '7.5'],
  [1e21, '1e21'],
  [2 ** 53, '9007199254740992'],
  [7, '07'],
  [7, '7.0'],
  [-7, '7'],
  ['7,8', '7'],
  ['7 8', '7'],
  ['77', '7'],
  ['7', '77'],
  ['A', 'a'],
  ['a', 'A'],
  ['a', 'a%20'],
  ['a', 'a%00'],
  ['\u00e4', 'a\u0308'],
  ['a', '%EF%BC%A1'],
  ['sales-*', 'sales-7'],
  ['sales-7', 'sales-*'],
  ['sales-7', 'sales-%2A'],
  ['**', 'x'],
  ['* ', 'x'],
  ['%2A', 'x'],
  ['7', '*'],
  ['7', '%2A'],
  ['.*', 'x'],
  ['a%2Fb', 'a%2Fb'],
  ['a/b', 'a%252Fb'],
  ['a b', 'a+b'],
  ['%37', '%37'],
  ['{id}', '7'],
  ['7', '%7Bid%7D'],
  ['__proto__', 'x'],
  [[], '__proto__'],
  [{}, 'constructor'],
  [[], 'length'],
  [{}, '__proto__'],
  [{ toString: 'x' }, 'toString'],
];

describe('a claim', () => {
  it.each(ADMITTED)('%j opens the dashboard %s', async (dashboards, id) => {
    expect(await judged([BY_CLAIM], `/ws/bi/dashboards/${id}`, { dashboards })).toEqual(write);
  });

  it.each(REFUSED)('%j does not open the dashboard %s', async (dashboards, id) => {
    const verdict = await judged([BY_CLAIM], `/ws/bi/dashboards/${id}`, { dashboards });
    expect(verdict).toEqual(refusedBy('authorization[0].claim'));
  });

  it.each(['__proto__', 'constructor', 'toString', 'length', '0'])(
    'is looked for among what a token says, and is not an object’s own %s',
    async (name) => {
      const rule = { paths: [BOARD], claim: [name, 'name'], values: ['{id}', 'Object', 'Array'] };
      expect(await judged([rule], '/ws/bi/dashboards/Object', { x: 1 })).toEqual(
        refusedBy('authorization[0].claim'),
      );
    },
  );

  it('may be nested, and is not looked for through a list', async () => {
    const rule = { paths: [BOARD], claim: ['realm', 'boards'], values: ['{id}'] };
    expect(await judged([rule], '/ws/bi/dashboards/7', { realm: { boards: ['7'] } })).toEqual(write);
    for (const realm of [[{ boards: ['7'] }], { boards: { boards: ['7'] } }, 'boards', null])
      expect(await judged([rule], '/ws/bi/dashboards/7', { realm })).toEqual(
        refusedBy('authorization[0].claim'),
      );
  });
});

describe('values', () => {
  const path = '/ws/{kind}/{id}';
  const opens = async (values: string[], at: string, grants: unknown) =>
    (await judged([{ paths: [path], claim: ['grants'], values }], at, { grants })).isGranted;

  it('have a beginning that counts where they end in a star', async () => {
    expect(await opens(['team-*'], '/ws/a/1', ['team-x'])).toBe(true);
    expect(await opens(['team-*'], '/ws/a/1', ['team-'])).toBe(true);
    expect(await opens(['team-*'], '/ws/a/1', ['Team-x', 'xteam-', 'team'])).toBe(false);
    expect(await opens(['{kind}:{id}:*'], '/ws/a/1', ['a:1:read'])).toBe(true);
    expect(await opens(['{kind}:{id}:*'], '/ws/a/1', ['a:11:read', 'a:1'])).toBe(false);
  });

  it.each([
    ['{kind}:{id}', '/ws/a:b/c', 'a:b:c'],
    ['{kind}:{id}:*', '/ws/a/b:c', 'a:b:c:read'],
    ['{kind}:{id}:*', '/ws/a/b%3Ac', 'a:b:c:read'],
  ])('%s is not met by an id that holds what keeps it apart: %s', async (value, at, text) => {
    expect(await opens([value], at, [text])).toBe(false);
  });

  it('may have an id with any character at their end', async () => {
    expect(await opens(['{kind}:{id}'], '/ws/a/b:c', ['a:b:c'])).toBe(true);
  });
});

describe('authorization_details', () => {
  const TYPE = 'https://example.com/documents';
  const details = {
    type: TYPE,
    locations: ['docs:{id}', '*'],
    read_actions: ['view'],
    write_actions: ['edit', 'own'],
  };
  const RULE = { paths: [DOCUMENT], details };
  const element = { type: TYPE, locations: ['docs:7'], actions: ['edit'] };
  const opened = (given: unknown, rule: Rule = RULE) =>
    judged([rule], '/ws/collaboration/7', { authorization_details: given });

  it.each<[given: unknown[], verdict: Judgement]>([
    [[element], write],
    [[{ ...element, actions: ['view'] }], read],
    [[{ ...element, actions: ['view', 'own', 'other'] }], write],
    [[{ ...element, actions: ['view'] }, element], write],
    [[{ ...element, locations: ['docs:8', 'docs:7'] }], write],
    [[{ ...element, locations: ['*'] }], write],
    [[{ type: 'payment', locations: 7 }, null, 'x', element], write],
    [[{ ...element, privileges: 'admin', datatypes: [{}] }], write],
  ])('%j give an access', async (given, verdict) => {
    expect(await opened(given)).toEqual(verdict);
  });

  it.each<[given: unknown]>([
    [undefined],
    [null],
    [element],
    [{ 0: element, length: 1 }],
    [[]],
    [[[element]]],
    [[null, 'x', 7]],
    [[JSON.stringify(element)]],
    [[{ ...element, type: 'https://example.com/Documents' }]],
    [[{ ...element, type: [TYPE] }]],
    [[{ ...element, type: undefined }]],
    [[{ ...element, locations: undefined }]],
    [[{ ...element, locations: [] }]],
    [[{ ...element, locations: 'docs:7' }]],
    [[{ ...element, locations: ['docs:7', 7] }]],
    [[{ ...element, locations: ['docs:77'] }]],
    [[{ ...element, locations: ['docs:*'] }]],
    [[{ ...element, locations: ['docs:{id}'] }]],
    [[{ ...element, actions: undefined }]],
    [[{ ...element, actions: [] }]],
    [[{ ...element, actions: 'edit' }]],
    [[{ ...element, actions: ['edit', null] }]],
    [[{ ...element, actions: ['Edit', 'edit ', '*', 'read', 'write'] }]],
    [
      [
        { ...element, actions: [] },
        { ...element, locations: ['docs:8'] },
      ],
    ],
  ])('%j give none', async (given) => {
    expect(await opened(given)).toEqual(refusedBy('authorization[0].details'));
  });

  it('give no more than the rule', async () => {
    expect(await opened([element], { ...RULE, access: 'read' })).toEqual(read);
  });

  it('need no action and no location where the rule names none', async () => {
    const anyOfType = { ...RULE, details: { type: TYPE } };
    expect(await opened([{ type: TYPE }], anyOfType)).toEqual(write);
    expect(await opened([{ type: TYPE }], { ...anyOfType, access: 'read' })).toEqual(read);
    expect(await opened([{ type: 'x' }], anyOfType)).toEqual(refusedBy('authorization[0].details'));
    const editors = { ...RULE, details: { type: TYPE, write_actions: ['edit'], read_actions: null } };
    expect(await opened([{ type: TYPE, actions: ['view'] }], editors)).toEqual(
      refusedBy('authorization[0].details'),
    );
  });

  it('are looked at besides the other conditions, and hand on as they do', async () => {
    const rules = [
      { ...RULE, roles: ['staff'], otherwise: 'next' },
      { paths: [DOCUMENT], access: 'read' },
    ];
    const claims = { authorization_details: [element] };
    expect(await judged(rules, '/ws/collaboration/7', claims)).toEqual(read);
    expect(await judged(rules, '/ws/collaboration/7', { ...claims, roles: ['staff'] })).toEqual(write);
    expect(await judged(rules, '/ws/collaboration/8', { ...claims, roles: ['staff'] })).toEqual(read);
  });
});

describe('a path', () => {
  it.each([
    '/ws/bi/dashboards/%37',
    '/ws//bi/dashboards/7',
    '/ws/./bi/x/../dashboards/7',
    '/ws/%62i/dashboards/7',
    '/ws/bi/dashboards/../dashboards/7',
  ])('%s is judged in its one spelling', async (path) => {
    expect(await judged([BY_CLAIM], path, { dashboards: ['8'] })).toEqual(
      refusedBy('authorization[0].claim'),
    );
    expect(await judged([BY_CLAIM], path, { dashboards: ['7'] })).toEqual(write);
  });

  it.each(['%', '%zz', '%FF', '%C3', '', 'x'.repeat(257), '%F0%9F%98'])(
    'whose id is %j is nobody’s, whatever the token says',
    async (id) => {
      const verdict = await judged([BY_CLAIM], `/ws/bi/dashboards/${id}`, { dashboards: ['*', id] });
      expect(verdict).toEqual(refusedBy('authorization[0].paths'));
    },
  );

  it('hides no literal behind an escape', async () => {
    const rule = { paths: ['/ws/a@b/{id}'], roles: ['admin'] };
    for (const path of ['/ws/a@b/7', '/ws/a%40b/7'])
      expect(await judged([rule], path)).toEqual(refusedBy('authorization[0].roles'));
  });

  it('that no rule has as many segments as is not unescaped: each malformed one would cost an error', async () => {
    const path = `/ws/bi/dashboards${'/%80'.repeat(1900)}`;
    const unescape = jest.spyOn(globalThis, 'decodeURIComponent');
    try {
      expect(await judged([BY_CLAIM], path)).toEqual(write);
      expect(unescape).not.toHaveBeenCalled();
    } finally {
      unescape.mockRestore();
    }
  });

  it.each(['/ws/bi/dashboards', '/ws/bi/dashboards/7/', '/ws/bi/dashboards/7/8', '/WS/bi/dashboards/7', '/'])(
    '%s is another one',
    async (path) => {
      expect(await judged([BY_CLAIM], path)).toEqual(write);
      expect(await judged([BY_CLAIM], path, {}, { authorization_default: 'deny' })).toEqual(
        refusedBy('authorization_default'),
      );
    },
  );
});
