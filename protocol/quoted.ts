/** As much of a text as is shown, in characters. */
const MAX_SHOWN = 64;

/** Characters that a terminal or a log may not show as they are: controls, formats (bidirectional ones among them), and line ends. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * A value from outside for an error message, on one line and of bounded length: text in quotes, numbers and truth values as they
 * are, of all else its kind alone, because a secret may stand in it. Never for a value that is a secret itself.
 */
export function quoted(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quotedText(value);
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value).slice(0, MAX_SHOWN);
    default:
      return kindOf(value);
  }
}

/** The kind of a value, where the value itself may be a secret. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  const kind = typeof value;
  if (kind === 'string') return 'text';
  return kind === 'object' ? 'an object' : `a ${kind}`;
}

function quotedText(text: string): string {
  const shown = JSON.stringify(text.slice(0, MAX_SHOWN)).replace(UNPRINTABLE, escaped);
  return text.length > MAX_SHOWN ? `${shown}… (${text.length} characters)` : shown;
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}
