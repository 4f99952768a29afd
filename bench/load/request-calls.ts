/** Requests that are asked again and again, each connection waiting for one answer at a time. */
export interface RequestLoad {
  readonly port: number;
  readonly connections: number;
  /** Whole requests, asked in turn. */
  readonly requests: readonly string[];
  /** Where in them to go on. */
  readonly first: number;
  /** It ends with so many answers. */
  readonly answers: number;
}

/** The outcome of a {@link RequestLoad}. */
export interface Answers {
  /** How many had another status than 200. */
  readonly refused: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The calls of the process that asks. */
export interface RequestCalls {
  ask(load: RequestLoad): Promise<Answers>;
}
