import {
  colonEnd,
  jsonExtent,
  NOWHERE,
  spaceEnd,
  stringEnd,
  type JsonBounds,
  type JsonExcess,
} from './json-value';

/** The members of a JSON object by their own text. */
export interface JsonMembers<Name extends string> {
  /** The members that were asked for, as they stand in the text. When one stands there twice, the first counts. */
  readonly texts: ReadonlyMap<Name, string>;
  /** Those that stand there more than once. */
  readonly repeated: ReadonlySet<Name>;
  /** Whether there are members that were not asked for. */
  readonly hasOthers: boolean;
}

interface Member {
  /** Its name, in quotes and with what escapes it has. */
  readonly quoted: string;
  readonly text: string;
  readonly values: number;
  /** After its value. */
  readonly end: number;
}

/** A character of a string may be written in so many: `\u0074`. */
export const MAX_ESCAPED_LENGTH = 6;

/**
 * Reads the members of a JSON object without making values of them: what is passed on is what was sent, to the byte. Where a
 * bound is passed it ends: the rest may be no JSON.
 * @param bounds how deep each member may be nested, and how many values there may be with the object itself
 * @returns undefined when the text is no JSON, and 'other' when it is JSON, but no object
 */
export function jsonMembers<Name extends string>(
  text: string,
  names: readonly Name[],
  bounds: JsonBounds,
): JsonMembers<Name> | JsonExcess | 'other' | undefined {
  const start = spaceEnd(text, 0);
  if (text[start] !== '{') return otherThanObject(text, start, bounds);
  const texts = new Map<Name, string>();
  const repeated = new Set<Name>();
  let hasOthers = false;
  let values = bounds.values - 1;
  let at = spaceEnd(text, start + 1);
  for (let isFirst = true; !(isFirst && text[at] === '}'); isFirst = false) {
    const member = memberAt(text, at, { depth: bounds.depth, values });
    if (typeof member !== 'object') return member;
    const name = nameAmong(names, member.quoted);
    if (name === undefined) hasOthers = true;
    else if (texts.has(name)) repeated.add(name);
    else texts.set(name, member.text);
    values -= member.values;
    at = spaceEnd(text, member.end);
    if (text[at] !== ',') break;
    at += 1;
  }
  if (text[at] !== '}') return undefined;
  return isWhole(text, at + 1) ? { texts, repeated, hasOthers } : undefined;
}

/** A text that is no object is not worth reading further than its bounds: it is none either way. */
function otherThanObject(text: string, start: number, bounds: JsonBounds): 'other' | undefined {
  const extent = jsonExtent(text, start, bounds);
  if (typeof extent !== 'object') return extent === undefined ? undefined : 'other';
  return isWhole(text, extent.end) ? 'other' : undefined;
}

/** The member that begins at `start`, white space before it included. */
function memberAt(text: string, start: number, bounds: JsonBounds): Member | JsonExcess | undefined {
  const nameStart = spaceEnd(text, start);
  const nameEnd = stringEnd(text, nameStart);
  if (nameEnd === NOWHERE) return undefined;
  const colon = colonEnd(text, nameEnd);
  if (colon === NOWHERE) return undefined;
  const valueStart = spaceEnd(text, colon);
  const value = jsonExtent(text, valueStart, bounds);
  if (typeof value !== 'object') return value;
  const [quoted, own] = [text.slice(nameStart, nameEnd), text.slice(valueStart, value.end)];
  return { quoted, text: own, values: value.values, end: value.end };
}

/** Nothing but white space follows. */
function isWhole(text: string, end: number): boolean {
  return spaceEnd(text, end) === text.length;
}

/** Which of the names a JSON string is: it may be written with escapes. */
function nameAmong<Name extends string>(names: readonly Name[], quoted: string): Name | undefined {
  const isEscaped = quoted.includes('\\');
  return names.find((name) => {
    if (!isEscaped) return quoted.length === name.length + 2 && quoted.startsWith(name, 1);
    // A longer text is not worth reading.
    return quoted.length <= MAX_ESCAPED_LENGTH * name.length + 2 && JSON.parse(quoted) === name;
  });
}
