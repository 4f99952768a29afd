import type { PathParams } from '../../protocol/path-template';

/** A text with parameters of a path in it, such as `dashboard:{id}`, that a token is to have. */
export interface ValueTemplate {
  readonly text: string;
  readonly parts: readonly Part[];
  /** Whether it ends in `*`, behind something: the token's text only has to begin so. */
  readonly isPrefix: boolean;
}

type Part =
  | { readonly literal: string; readonly param: undefined; readonly before: undefined }
  /** `before` is the character behind it, which its value may not have; undefined where its value is the rest. */
  | { readonly literal: undefined; readonly param: string; readonly before: string | undefined };

const PIECES = /\{([A-Za-z][A-Za-z0-9_]*)\}|([^{}]+)/g;
const WILDCARD = '*';

/**
 * Parses a template. A `*` by itself is that text, an issuer's word for all. At the end of something it means any end.
 * Values of parameters are never patterns, and neither are a token's texts.
 * @returns undefined when it has braces or a `*` in any other place, or two parameters that nothing keeps apart
 */
export function parseValueTemplate(text: string): ValueTemplate | undefined {
  if (text === WILDCARD) return { text, parts: [literalPart(text)], isPrefix: false };
  const isPrefix = text.endsWith(WILDCARD);
  const body = isPrefix ? text.slice(0, -WILDCARD.length) : text;
  const pieces = [...body.matchAll(PIECES)];
  const isWhole = pieces.map(([piece]) => piece).join('') === body;
  if (body === '' || body.includes(WILDCARD) || !isWhole) return undefined;
  const parts = pieces.map(([, param, literal = ''], index): Part | undefined => {
    if (param === undefined) return literalPart(literal);
    const isFollowed = isPrefix || pieces.slice(index + 1).some(([, later]) => later !== undefined);
    if (!isFollowed) return { literal: undefined, param, before: undefined };
    const before = pieces[index + 1]?.[2]?.charAt(0);
    return before === undefined ? undefined : { literal: undefined, param, before };
  });
  return parts.every((part) => part !== undefined) ? { text, parts, isPrefix } : undefined;
}

function literalPart(literal: string): Part {
  return { literal, param: undefined, before: undefined };
}

/** The names of a template's parameters. */
export function valueParams({ parts }: ValueTemplate): readonly string[] {
  return parts.flatMap((part) => (part.param === undefined ? [] : [part.param]));
}

/**
 * Whether one of these texts is what the template says for these parameters. Two lists of parameters never say the same: a value
 * that could be taken for more than itself fits nothing.
 */
export function fitsValue(template: ValueTemplate, params: PathParams, texts: readonly string[]): boolean {
  for (const text of texts) if (fitsText(template, params, text)) return true;
  return false;
}

/** Compares in place: nothing is put together for a text that differs in its first letters. */
function fitsText({ parts, isPrefix }: ValueTemplate, params: PathParams, text: string): boolean {
  let at = 0;
  for (const { literal, param, before } of parts) {
    const wanted = literal ?? params[param];
    if (wanted === undefined || (before !== undefined && wanted.includes(before))) return false;
    if (!text.startsWith(wanted, at)) return false;
    at += wanted.length;
  }
  return isPrefix || at === text.length;
}
