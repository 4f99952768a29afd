const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
const LOWER_E = 0x65;
const UPPER_E = 0x45;

/** There is no such thing there. */
export const NOWHERE = -1;

/** How much a JSON value may hold. */
export interface JsonBounds {
  /** How deep it is nested: 0 for a number, string or literal, 1 for an array or object of those. */
  readonly depth: number;
  /** How many values it is: itself, and each in it at any depth. */
  readonly values: number;
}

/** The bound that a JSON text passes. */
export type JsonExcess = 'too deep' | 'too many values';

/** Where a JSON value ends in a text, and how much it holds. */
export interface JsonExtent {
  /** After its last character. */
  readonly end: number;
  readonly values: number;
}

/**
 * Finds the end of the JSON value (RFC 8259) that begins at `start`, white space before it included. It makes nothing
 * of it, looks at each character once and does not recurse. So its time is linear in the length, whatever the shape.
 * Where a bound is passed it ends: the rest may be no JSON.
 * @returns undefined when what stands there is no JSON
 */
export function jsonExtent(
  text: string,
  start: number,
  bounds: JsonBounds,
): JsonExtent | JsonExcess | undefined {
  // The closing character of each array and object that is open.
  const closers: number[] = [];
  let values = 0;
  let at = start;
  for (;;) {
    values += 1;
    if (values > bounds.values) return 'too many values';
    at = spaceEnd(text, at);
    const code = text.charCodeAt(at);
    const closer = closerOf(code);
    if (closer === NOWHERE) {
      at = scalarEnd(text, at, code);
    } else {
      if (closers.length === bounds.depth) return 'too deep';
      at = spaceEnd(text, at + 1);
      if (text.charCodeAt(at) !== closer) {
        closers.push(closer);
        if (closer === CLOSE_OBJECT) at = memberValueStart(text, at);
        if (at === NOWHERE) return undefined;
        continue;
      }
      at += 1;
    }
    if (at === NOWHERE) return undefined;
    const next = nextValueStart(text, at, closers);
    if (next === NOWHERE) return undefined;
    if (closers.length === 0) return { end: next, values };
    at = next;
  }
}

/** After a value: closes what ends there. @returns where the next value begins, or with nothing left open the end */
function nextValueStart(text: string, from: number, closers: number[]): number {
  let at = from;
  for (let closer = closers.at(-1); closer !== undefined; closer = closers.at(-1)) {
    at = spaceEnd(text, at);
    const code = text.charCodeAt(at);
    if (code === COMMA) return closer === CLOSE_OBJECT ? memberValueStart(text, at + 1) : at + 1;
    if (code !== closer) return NOWHERE;
    closers.pop();
    at += 1;
  }
  return at;
}

/** Behind a member's name and its colon, white space before each included. */
function memberValueStart(text: string, start: number): number {
  const nameEnd = stringEnd(text, spaceEnd(text, start));
  return nameEnd === NOWHERE ? NOWHERE : colonEnd(text, nameEnd);
}

/** Behind a colon, white space before it included. */
export function colonEnd(text: string, start: number): number {
  const at = spaceEnd(text, start);
  return text.charCodeAt(at) === COLON ? at + 1 : NOWHERE;
}

/** Behind JSON's white space, if there is any. */
export function spaceEnd(text: string, start: number): number {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== SPACE && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at += 1;
  }
}

/** Behind the string that begins at `start`. */
export function stringEnd(text: string, start: number): number {
  if (text.charCodeAt(start) !== QUOTE) return NOWHERE;
  let at = start + 1;
  for (;;) {
    // Three times as fast as a look at each character.
    STOP.lastIndex = at;
    if (!STOP.test(text)) return NOWHERE;
    at = STOP.lastIndex;
    const code = text.charCodeAt(at - 1);
    if (code === QUOTE) return at;
    if (code !== BACKSLASH) return NOWHERE;
    ESCAPED.lastIndex = at;
    if (!ESCAPED.test(text)) return NOWHERE;
    at = ESCAPED.lastIndex;
  }
}

/** The characters with which a string does not simply go on; its `lastIndex` is set before each use. */
// eslint-disable-next-line no-control-regex -- control characters are what JSON's strings may not hold
const STOP = /["\\\u0000-\u001f]/g;
const ESCAPED = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y;
const LITERALS = ['true', 'false', 'null'];

function closerOf(code: number): number {
  if (code === OPEN_ARRAY) return CLOSE_ARRAY;
  return code === OPEN_OBJECT ? CLOSE_OBJECT : NOWHERE;
}

function scalarEnd(text: string, at: number, code: number): number {
  if (code === QUOTE) return stringEnd(text, at);
  if (code === MINUS || (code >= ZERO && code <= NINE)) return numberEnd(text, at);
  const literal = LITERALS.find((one) => text.startsWith(one, at));
  return literal === undefined ? NOWHERE : at + literal.length;
}

function numberEnd(text: string, start: number): number {
  let at = text.charCodeAt(start) === MINUS ? start + 1 : start;
  at = text.charCodeAt(at) === ZERO ? at + 1 : digitsEnd(text, at);
  if (at !== NOWHERE && text.charCodeAt(at) === DOT) at = digitsEnd(text, at + 1);
  if (at === NOWHERE || !isOneOf(text.charCodeAt(at), LOWER_E, UPPER_E)) return at;
  const sign = text.charCodeAt(at + 1);
  return digitsEnd(text, isOneOf(sign, PLUS, MINUS) ? at + 2 : at + 1);
}

/** Behind one digit or more. */
function digitsEnd(text: string, start: number): number {
  let at = start;
  for (let code = text.charCodeAt(at); code >= ZERO && code <= NINE; code = text.charCodeAt(at)) at += 1;
  return at === start ? NOWHERE : at;
}

function isOneOf(code: number, one: number, other: number): boolean {
  return code === one || code === other;
}
