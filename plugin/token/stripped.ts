/** Tokens found in a header among other things, and the header without them. */
export interface Stripped {
  readonly tokens: readonly string[];
  /** Headers of which nothing is left. */
  readonly clearHeaders: readonly string[];
  readonly setHeaders: Readonly<Record<string, string>>;
}
