/** A question to a worker. */
export type Question =
  /** To run the tests of these files without a mutant. */
  { readonly kind: 'baseline'; readonly files: readonly string[] } | MutantQuestion;

/** To run tests with a mutant, until the first of them fails. */
export interface MutantQuestion {
  readonly kind: 'mutant';
  readonly id: string;
  /** How often its place may be reached: a loop has no end. */
  readonly maxHits: number;
  /** Whether the code is loaded anew, with the mutant in it from the start. */
  readonly fresh: boolean;
  readonly runs: readonly Run[];
}

/** Tests of a file, by their number in it. */
export interface Run {
  readonly file: string;
  readonly tests: readonly number[];
  /** How long they take without a mutant. */
  readonly ms: number;
  /** Whether each takes next to no time. */
  readonly isQuick: boolean;
  /** How long each may take. */
  readonly limitMs: number;
}

/** A test without a mutant. */
export interface Measured {
  readonly name: string;
  readonly ms: number;
  /** How often it reached the place of which mutant. */
  readonly reached: Readonly<Record<string, number>>;
  readonly failure: string | undefined;
}

/** A file of tests without a mutant. */
export interface Baseline {
  readonly file: string;
  readonly tests: readonly Measured[];
  /** Places that were reached outside of its tests: while it was loaded, or prepared. */
  readonly reached: Readonly<Record<string, number>>;
}

/** How a mutant fared. */
export interface Verdict {
  readonly status: 'killed' | 'timeout' | 'survived';
  /** The test that failed. */
  readonly by?: string;
  /** Its file. */
  readonly file?: string;
  /** Whether the worker is fit for nothing more. */
  readonly spent: boolean;
}

export type Answer = readonly Baseline[] | Verdict;

/** Said before the answer, of each run. */
export interface Begun {
  readonly begun: Run;
}
