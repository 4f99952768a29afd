const CLASSES: Readonly<Record<string, string>> = {
  a: 'A-Za-z',
  c: '\\x00-\\x1f\\x7f',
  d: '0-9',
  l: 'a-z',
  p: '!-\\/:-@\\[-`{-~',
  s: '\\t-\\r ',
  u: 'A-Z',
  w: 'A-Za-z0-9',
  x: 'A-Fa-f0-9',
};

/**
 * A Lua pattern (Lua 5.1 reference manual §5.4.1) as a regular expression.
 * @throws SyntaxError for `%b` and `%f`, which have no counterpart
 */
export function luaPattern(pattern: string): RegExp {
  let out = '';
  let at = 0;
  if (pattern.startsWith('^')) {
    out = '^';
    at = 1;
  }
  while (at < pattern.length) {
    const char = pattern.charAt(at);
    if (char === '$' && at === pattern.length - 1) {
      out += '$';
      at += 1;
    } else if (char === '(' || char === ')') {
      out += char;
      at += 1;
    } else {
      const [item, next] = single(pattern, at);
      const quantifier = pattern.charAt(next);
      const counted = ['*', '+', '-', '?'].includes(quantifier);
      out += item + (quantifier === '-' ? '*?' : counted ? quantifier : '');
      at = counted ? next + 1 : next;
    }
  }
  return new RegExp(out, 's');
}

function single(pattern: string, at: number): [item: string, next: number] {
  const char = pattern.charAt(at);
  if (char === '.') return ['.', at + 1];
  if (char === '[') return set(pattern, at);
  if (char === '%') return [`[${percent(pattern.charAt(at + 1))}]`, at + 2];
  return [escape(char), at + 1];
}

function set(pattern: string, start: number): [item: string, next: number] {
  let at = start + 1;
  let out = '[';
  if (pattern.charAt(at) === '^') {
    out += '^';
    at += 1;
  }
  for (let first = true; first || pattern.charAt(at) !== ']'; first = false) {
    if (at >= pattern.length) throw new SyntaxError('malformed pattern (missing "]")');
    if (pattern.charAt(at) === '%') {
      out += percent(pattern.charAt(at + 1));
      at += 2;
    } else {
      out += pattern.charAt(at) === '-' ? '-' : escape(pattern.charAt(at));
      at += 1;
    }
  }
  return [`${out}]`, at + 1];
}

/** The characters that `%x` stands for, inside brackets. */
function percent(char: string): string {
  if (char === '' || char === 'b' || char === 'f')
    throw new SyntaxError(`pattern "%${char}" is not supported`);
  const members = CLASSES[char.toLowerCase()];
  if (members === undefined) return escape(char);
  return char === char.toLowerCase() ? members : complement(members);
}

function complement(members: string): string {
  const own = new RegExp(`[${members}]`);
  const others = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter(
    (char) => !own.test(char),
  );
  return others.map(escape).join('');
}

function escape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
