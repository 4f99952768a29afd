/** Counts what a run does with texts: the characters that it looks at, copies or parses. */
export function countSteps(run: () => unknown): number {
  let steps = 0;
  const restore = [
    replace(String.prototype, 'charCodeAt', (own) => {
      return function (this: string, at: number) {
        steps += 1;
        return own.call(this, at);
      };
    }),
    replace(String.prototype, 'startsWith', (own) => {
      return function (this: string, search: string, at?: number) {
        steps += search.length;
        return own.call(this, search, at);
      };
    }),
    replace(String.prototype, 'includes', (own) => {
      return function (this: string, search: string, at?: number) {
        steps += this.length;
        return own.call(this, search, at);
      };
    }),
    replace(String.prototype, 'slice', (own) => {
      return function (this: string, start?: number, end?: number) {
        const part = own.call(this, start, end);
        steps += part.length;
        return part;
      };
    }),
    // `test` is `exec` as well, once that is not the engine's own.
    replace(RegExp.prototype, 'exec', (own) => {
      return function (this: RegExp, text: string) {
        const from = this.global || this.sticky ? this.lastIndex : 0;
        const match = own.call(this, text);
        steps += match === null && !this.sticky ? text.length - from : (match?.[0].length ?? 1);
        // It went over so much before the match.
        if (match !== null) steps += match.index - from;
        return match;
      };
    }),
    replace(JSON, 'parse', (own) => {
      return (text: string) => {
        steps += text.length;
        return own.call(JSON, text) as unknown;
      };
    }),
  ];
  try {
    run();
  } finally {
    for (const undo of restore) undo();
  }
  return steps;
}

function replace<Owner extends object, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  wrap: (own: Owner[Name]) => Owner[Name],
): () => void {
  const own = owner[name];
  owner[name] = wrap(own);
  return () => {
    owner[name] = own;
  };
}
