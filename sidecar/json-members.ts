import { colonEnd, jsonExtent, NOWHERE, spaceEnd, stringEnd } from './json-value';

/** The members of a JSON object by their own text. */
export interface JsonMembers<Name extends string> {
  /** Of those that were asked for, as they stand in the text; of one that stands there twice, the first. */
  readonly texts: ReadonlyMap<Name, string>;
  /** Those that stand there more than once. */
  readonly repeated: ReadonlySet<Name>;
  /** Whether there are members that were not asked for. */
  readonly hasOthers: boolean;
  /** How deep the deepest member is nested. */
  readonly depth: number;
}

interface Member {
  /** Its name, in quotes and with what escapes it has. */
  readonly quoted: string;
  readonly text: string;
  readonly depth: number;
  /** After its value. */
  readonly end: number;
}

/** A character of a string may be written in so many: `\u0074`. */
export const MAX_ESCAPED_LENGTH = 6;

/**
 * Reads the members of a JSON object without making values of them: what is passed on is what was sent, to the byte.
 * @returns undefined when the text is no JSON, and 'other' when it is JSON, but no object
 */
export function jsonMembers<Name extends string>(
  text: string,
  names: readonly Name[],
): JsonMembers<Name> | 'other' | undefined {
  const start = spaceEnd(text, 0);
  if (text[start] !== '{') return isWhole(text, jsonExtent(text, start)?.end) ? 'other' : undefined;
  const texts = new Map<Name, string>();
  const repeated = new Set<Name>();
  let hasOthers = false;
  let depth = 0;
  let at = spaceEnd(text, start + 1);
  for (let isFirst = true; !(isFirst && text[at] === '}'); isFirst = false) {
    const member = memberAt(text, at);
    if (member === undefined) return undefined;
    const name = nameAmong(names, member.quoted);
    if (name === undefined) hasOthers = true;
    else if (texts.has(name)) repeated.add(name);
    else texts.set(name, member.text);
    depth = Math.max(depth, member.depth);
    at = spaceEnd(text, member.end);
    if (text[at] !== ',') break;
    at += 1;
  }
  if (text[at] !== '}') return undefined;
  return isWhole(text, at + 1) ? { texts, repeated, hasOthers, depth } : undefined;
}

/** The member that begins at `start`, white space before it included. */
function memberAt(text: string, start: number): Member | undefined {
  const nameStart = spaceEnd(text, start);
  const nameEnd = stringEnd(text, nameStart);
  if (nameEnd === NOWHERE) return undefined;
  const colon = colonEnd(text, nameEnd);
  if (colon === NOWHERE) return undefined;
  const valueStart = spaceEnd(text, colon);
  const value = jsonExtent(text, valueStart);
  if (value === undefined) return undefined;
  const [quoted, own] = [text.slice(nameStart, nameEnd), text.slice(valueStart, value.end)];
  return { quoted, text: own, depth: value.depth, end: value.end };
}

/** Nothing but white space follows. */
function isWhole(text: string, end: number | undefined): boolean {
  return end !== undefined && spaceEnd(text, end) === text.length;
}

/** Which of the names a JSON string is: it may be written with escapes. */
function nameAmong<Name extends string>(names: readonly Name[], quoted: string): Name | undefined {
  const isEscaped = quoted.includes('\\');
  return names.find((name) => {
    if (!isEscaped) return quoted.length === name.length + 2 && quoted.startsWith(name, 1);
    // What is longer is not worth reading.
    return quoted.length <= MAX_ESCAPED_LENGTH * name.length + 2 && JSON.parse(quoted) === name;
  });
}
