import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { caretAfter, changeBetween } from '../../dev/page/text-change';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '🦊', '🦋', 'é'), maxLength: 12 });

describe('the change between two texts', () => {
  it('makes one the other', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const { at, remove, insert } = changeBetween(before, after) ?? { at: 0, remove: 0, insert: '' };
        expect(before.slice(0, at) + insert + before.slice(at + remove)).toBe(after);
      }),
    );
  });

  it('cuts no character in two', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const change = changeBetween(before, after);
        if (change === undefined) return;
        const { at, remove, insert } = change;
        for (const part of [
          before.slice(0, at),
          before.slice(at, at + remove),
          before.slice(at + remove),
          insert,
        ])
          expect(part.isWellFormed()).toBe(true);
      }),
    );
  });

  it('is as small as can be', () => {
    expect(changeBetween('one three', 'one two three')).toEqual({ at: 5, remove: 0, insert: 'wo t' });
    expect(changeBetween('same', 'same')).toBeUndefined();
  });
});

describe('a caret', () => {
  it.each([
    ['moves with what is inserted before it', 5, [{ retain: 2 }, { insert: 'abc' }], 8],
    ['stays where others insert at its place', 5, [{ retain: 5 }, { insert: 'abc' }], 5],
    ['stays where others write behind it', 5, [{ retain: 9 }, { insert: 'abc' }], 5],
    ['moves back with what is deleted before it', 5, [{ retain: 1 }, { delete: 2 }], 3],
    ['goes to where a deletion around it began', 5, [{ retain: 3 }, { delete: 9 }], 3],
    ['follows several steps', 10, [{ insert: 'ab' }, { retain: 3 }, { delete: 4 }, { insert: 'x' }], 9],
  ])('%s', (_, caret, delta, expected) => {
    expect(caretAfter(caret, delta)).toBe(expected);
  });
});
