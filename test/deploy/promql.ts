/** A selector of a PromQL expression: a metric, and what it demands of labels' values. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'without', 'on', 'ignoring']);
const SELECTOR = /([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{(?:[^"}]|"[^"]*")*\})?/g;
const MATCHER = /([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"([^"]*)"/g;
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;

/** The selectors of an expression: every name that is no function, no word of the language and no label of a grouping. */
export function selectorsOf(expression: string): readonly Selector[] {
  const plain = expression.replace(GROUPING, ' ').replace(/\[[^\]]*\]/g, ' ');
  return [...plain.matchAll(SELECTOR)].flatMap((match) => {
    const [text, metric = '', braces = ''] = match;
    const isFunction = /^\s*\(/.test(plain.slice(match.index + text.length));
    const isNumber = /[\d.]/.test(plain[match.index - 1] ?? '');
    if (isFunction || isNumber || WORDS.has(metric)) return [];
    const matchers = [...braces.matchAll(MATCHER)].map(([, label = '', operator = '', value = '']) => ({
      label,
      operator,
      value,
    }));
    return [{ metric, matchers }];
  });
}

/** The labels that an expression groups or matches by. */
export function groupedLabels(expression: string): readonly string[] {
  return [...expression.matchAll(GROUPING)].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((label) => label.trim())
      .filter((label) => label !== ''),
  );
}
