import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonMembers } from '../../../sidecar/lib/json-members';

const NAMES = ['type', 'data', 'id'] as const;
const UNBOUNDED = { depth: Infinity, values: Infinity };

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** JSON.parse's verdict on a text, in the words of jsonMembers. */
function kindOf(text: string): 'object' | 'other' | undefined {
  const json = parsed(text);
  if (json === undefined) return undefined;
  return typeof json.value === 'object' && json.value !== null && !Array.isArray(json.value)
    ? 'object'
    : 'other';
}

function ownKindOf(text: string): 'object' | 'other' | undefined {
  const members = jsonMembers(text, NAMES, UNBOUNDED);
  return typeof members === 'object' ? 'object' : (members as 'other' | undefined);
}

const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
/** Values as JSON.stringify never writes them, too. */
const value = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.json().map((json) => JSON.stringify(JSON.parse(json), undefined, 2)),
  fc.constantFrom(
    '9007199254740993',
    '1e400',
    '1.0',
    '-0',
    '0.1E+5',
    '"\\ud800"',
    '"\\u00e9\\/"',
    ' {"a":1,"a":2} ',
  ),
);
const name = fc.oneof(fc.constantFrom(...NAMES, '__proto__', 'toString', ''), fc.string());
const member = fc.record({ name, value, before: space, after: space });

describe('the members of a JSON object', () => {
  it('are found in what JSON.parse takes, and in nothing else', () => {
    // Texts that are nearly JSON: pieces of it in any order.
    const pieces = fc.array(
      fc.constantFrom(
        ...['{', '}', '[', ']', ',', ':', '"', '\\', '\\u12', '00e9', '0', '1', '-', '+', '.', 'e', 'E'],
        ...[
          'true',
          'null',
          'nul',
          'NaN',
          ' ',
          '\n',
          '\t',
          '\u00a0',
          '\ufeff',
          '\u0000',
          '\u001f',
          '\ud800',
          'é',
        ],
        ...['"type"', '"data":', '"id":"c1"', '{"type":"x"', '"a":', '[]', '{}', '//', "'"],
      ),
      { maxLength: 12 },
    );
    const texts = fc.oneof(
      pieces.map((parts) => parts.join('')),
      pieces.map((parts) => `{"type":"x","data":${parts.join('')}}`),
      fc.json(),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(ownKindOf(text)).toBe(kindOf(text));
      }),
      { numRuns: 5000 },
    );
  });

  it('are no longer found once any one character is left out or put in', () => {
    const edits = fc.tuple(
      fc.array(member, { maxLength: 3 }),
      fc.nat(),
      fc.constantFrom('', ',', '"', '0', '}', ' '),
    );
    fc.assert(
      fc.property(edits, ([members, place, put]) => {
        const text = textOf(members);
        const at = place % text.length;
        const edited = text.slice(0, at) + put + text.slice(put === '' ? at + 1 : at);
        expect(ownKindOf(edited)).toBe(kindOf(edited));
      }),
      { numRuns: 3000 },
    );
  });

  it('are told by the text that they have, the first of a name, whatever else is there', () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 6 }), (members) => {
        const found = jsonMembers(textOf(members), NAMES, UNBOUNDED);
        if (typeof found !== 'object') throw new Error('expected an object');
        for (const wanted of NAMES) {
          const own = members.filter((one) => one.name === wanted).map((one) => one.value.trim());
          expect(found.texts.get(wanted)).toBe(own[0]);
          expect(found.repeated.has(wanted)).toBe(own.length > 1);
        }
        expect(found.hasOthers).toBe(members.some((one) => !(NAMES as readonly string[]).includes(one.name)));
      }),
    );
  });

  it.each([
    [0, 3, '{"type":"x","id":1}'],
    [4, 7, '{"type":"x","data":[],"id":{"a":[[{}]]}}'],
    [2, 5, '{"data":{"a":[1],"b":2}}'],
    [1, 5, ' { "type" : [ 1 , "a,[" ] , "x" : { } } '],
  ])('may be nested %i deep and %i values with their object, and no less, in %s', (depth, values, text) => {
    expect(jsonMembers(text, NAMES, { depth, values })).toBeInstanceOf(Object);
    if (depth > 0) expect(jsonMembers(text, NAMES, { depth: depth - 1, values })).toBe('too deep');
    expect(jsonMembers(text, NAMES, { depth, values: values - 1 })).toBe('too many values');
  });

  it('of what is no object are none, however deep it is and however many values', () => {
    const bounds = { depth: 1, values: 2 };
    for (const text of ['[[', '[[]]', '[0,0', '[0,0]'])
      expect(jsonMembers(text, NAMES, bounds)).toBe('other');
    for (const text of ['[,', '']) expect(jsonMembers(text, NAMES, bounds)).toBeUndefined();
  });

  it.each([
    ['of arrays', '['.repeat(500_000) + ']'.repeat(500_000)],
    ['of objects', '{"":'.repeat(200_000) + '0' + '}'.repeat(200_000)],
    ['of backslashes', `"${'\\\\'.repeat(500_000)}"`],
    ['of digits', '1'.repeat(1_000_000)],
    ['of members', `{${Array.from({ length: 100_000 }, (_, index) => `"${index}":0`).join()}}`],
  ])('are found in a text %s that would exhaust what recurses', (_, json) => {
    expect(jsonMembers(`{"data":${json}}`, NAMES, UNBOUNDED)).toMatchObject({
      texts: new Map([['data', json]]),
    });
    expect(jsonMembers(`{"data":${json.slice(0, -1)}`, NAMES, UNBOUNDED)).toBeUndefined();
  });
});

interface Member {
  readonly name: string;
  readonly value: string;
  readonly before: string;
  readonly after: string;
}

function textOf(members: readonly Member[]): string {
  const parts = members.map(
    ({ name: own, value: json, before, after }) => `${before}${quoted(own)}${after}:${before}${json}${after}`,
  );
  return ` {${parts.join(',')}} `;
}

/** Every second one with an escape: a name is what it spells. */
function quoted(own: string): string {
  const json = JSON.stringify(own);
  return own.startsWith('t') || own.startsWith('i')
    ? json.replace(/^"(.)/, (_, first: string) => `"\\u00${first.charCodeAt(0).toString(16)}`)
    : json;
}
