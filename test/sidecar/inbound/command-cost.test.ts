import fc from 'fast-check';
import { parseCommand } from '../../../sidecar/inbound/command';
import { jsonMembers } from '../../../sidecar/lib/json-members';
import { countSteps } from './steps';

const MAX_VALUES = 10_000;
const KIB = 1024;
/** A character is looked at so often, at most. */
const STEPS_A_CHARACTER = 8;
/** So many steps do not depend on the length: where a text ends, every literal is looked for. */
const STEPS_A_TEXT = 64;
/** The same of a command: both ends are looked at for an id. */
const STEPS_A_COMMAND = 6 * KIB;

const UNBOUNDED = { depth: Infinity, values: Infinity };

const scanned = (text: string) => countSteps(() => jsonMembers(text, ['type', 'data', 'id'], UNBOUNDED));
const parsed = (text: string) => countSteps(() => parseCommand(text, MAX_VALUES));

/** Texts of about so many characters that a client may send to cost a bridge much. */
const SHAPES: Readonly<Record<string, (length: number) => string>> = {
  numbers: (length) => command(`[${'1e20,'.repeat(length / 5)}0]`),
  'long numbers': (length) => command(`-${'1'.repeat(length / 2)}.${'1'.repeat(length / 2)}e+1`),
  arrays: (length) => command('['.repeat(length / 2) + ']'.repeat(length / 2)),
  'arrays that do not end': (length) => command('['.repeat(length)),
  'rows of arrays': (length) => command(`[${'[[[[[[[[]]]]]]]],'.repeat(length / 17)}0]`),
  objects: (length) => command(`${'{"a":'.repeat(length / 6)}0${'}'.repeat(length / 6)}`),
  members: (length) => command(`{${'"a":0,'.repeat(length / 6)}"b":0}`),
  'members of the command': (length) => `{${'"a":0,'.repeat(length / 6)}"type":"x"}`,
  'repeated members of the command': (length) => `{${'"data":0,'.repeat(length / 9)}"type":"x"}`,
  'escaped names of members': (length) => `{${'"\\u0064ata":0,'.repeat(length / 14)}"type":"x"}`,
  'a name of escapes': (length) => `{"${'\\u0061'.repeat(length / 6)}":0,"type":"x"}`,
  escapes: (length) => command(`"${'\\u0061'.repeat(length / 6)}"`),
  backslashes: (length) => command(`"${'\\\\'.repeat(length / 2)}"`),
  'a text that does not end': (length) => command(`"${'\\"'.repeat(length / 2)}`).slice(0, -1),
  'empty texts': (length) => command(`[${'"",'.repeat(length / 3)}""]`),
  'white space': (length) => command(`[${' '.repeat(length)}]`),
  'white space between all': (length) => command(`[${' 0 \n,\t'.repeat(length / 6)}0]`),
  'a long type': (length) => `{"type":"${'\\u0061'.repeat(length / 6)}"}`,
  'a long id': (length) => `{"type":"x","id":"${'x'.repeat(length)}"}`,
  'no object': (length) => `[${'0,'.repeat(length / 2)}0]`,
};

function command(data: string): string {
  return `{"type":"x","data":${data}}`;
}

describe('a command', () => {
  it.each(Object.entries(SHAPES))('of %s costs what its characters cost', (_, shape) => {
    for (const length of [KIB, 16 * KIB, 256 * KIB]) {
      const text = shape(length);
      expect(scanned(text)).toBeLessThanOrEqual(STEPS_A_CHARACTER * text.length + STEPS_A_TEXT);
      expect(parsed(text)).toBeLessThanOrEqual(STEPS_A_CHARACTER * text.length + STEPS_A_COMMAND);
    }
  });

  it('of any pieces again and again costs what its characters cost', () => {
    const piece = fc.oneof(
      fc.constantFrom(...'{}[]:,"\\ \n0-.eE'.split('')),
      fc.constantFrom(
        '"a":',
        '"\\u0061"',
        '{"a":',
        '[[',
        ']]',
        '}}',
        'null',
        'tru',
        '1e20',
        '\\u00',
        '\\u0061',
        '\\\\',
        '\\"',
        '\u0000',
      ),
      fc.constantFrom('"type":"x",', '"data":', '"id":"i",', ',"id":"i"}', 'é', '\ud800'),
    );
    const pieces = fc.array(piece, { maxLength: 6 }).map((parts) => parts.join(''));
    const repeated = fc
      .tuple(pieces, pieces, pieces, pieces, fc.integer({ min: 1, max: 1000 }))
      .map(([before, opening, between, closing, times]) => {
        return before + opening.repeat(times) + between + closing.repeat(times);
      });
    const texts = fc.oneof(
      repeated,
      repeated.map((text) => `{"type":"x","data":${text}`),
      repeated.map((text) => `{"type":"x","data":"${text}`),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(scanned(text)).toBeLessThanOrEqual(STEPS_A_CHARACTER * text.length + STEPS_A_TEXT);
        expect(parsed(text)).toBeLessThanOrEqual(STEPS_A_CHARACTER * text.length + STEPS_A_COMMAND);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['is nested too deep', 'arrays that do not end'],
    ['is nested too deep in objects', 'objects'],
    ['has too many numbers', 'numbers'],
    ['has too many members', 'members'],
    ['has too many texts', 'empty texts'],
    ['has too many members of its own', 'repeated members of the command'],
    ['has too many values and is no object', 'no object'],
  ])('that %s is read no further than that, however long it is', (_, name) => {
    const shape = SHAPES[name];
    if (shape === undefined) throw new Error(`no shape is called ${name}`);
    expect(parsed(shape(512 * KIB))).toBe(parsed(shape(128 * KIB)));
  });
});
