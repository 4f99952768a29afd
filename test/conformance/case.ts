import type { Buffer } from 'node:buffer';

/** How a case went, in Autobahn's words. */
export type Verdict = 'OK' | 'NON-STRICT' | 'INFORMATIONAL' | 'FAILED';

/** A message to peers. */
export interface Message {
  readonly data: Buffer;
  readonly binary: boolean;
}

/** One thing that the client does. */
export type Step =
  /** It sends bytes, in pieces of so many when a number is given. */
  | { readonly write: Buffer; readonly pieceBytes?: number }
  /** It waits for so many pongs, or the end. */
  | { readonly untilPongs: number }
  /** It waits until the bridge has answered another client, and notes whether its own connection still lives. */
  | { readonly stillOpen: true };

/** All that the other peer and the client itself see before the connection ends. */
export interface Sight {
  readonly relayed: readonly Message[];
  readonly pongs: readonly Buffer[];
  /** How many times the connection was still open where the client looked. */
  readonly stillOpen: number;
}

/** A case: what the client sends, and what RFC 6455 wants of the bridge then. */
export interface Case {
  /** Its number in the Autobahn testsuite. */
  readonly id: string;
  readonly says: string;
  readonly steps: readonly Step[];
  readonly expected: Sight;
  /** A sight that is allowed as well, though less good. */
  readonly nonStrict?: Sight;
  /** Whether the client closes with 1000 after its steps. */
  readonly closes: boolean;
  /** One of these is the code of the bridge's close frame. */
  readonly closeCodes: readonly number[];
  /** Whether RFC 6455 leaves the outcome open. */
  readonly isInformational?: boolean;
  /** The verdict here. */
  readonly verdict: Verdict;
}

type Options = Partial<Pick<Case, 'nonStrict' | 'isInformational' | 'verdict' | 'closeCodes'>>;

/** Nothing is relayed and no ping answered. */
export const NOTHING: Sight = { relayed: [], pongs: [], stillOpen: 0 };

/** A case in which nothing is wrong: the client closes, and the bridge answers that. */
export function lives(
  id: string,
  says: string,
  steps: readonly Step[],
  expected: Partial<Sight> = {},
  options: Options = {},
): Case {
  return {
    ...{ id, says, steps, closes: true, closeCodes: [1000], verdict: 'OK' },
    ...options,
    expected: { ...NOTHING, ...expected },
  };
}

/** A case in which the bridge has to fail the connection, or to answer the client's close frame: it ends by itself. */
export function ends(
  id: string,
  says: string,
  steps: readonly Step[],
  closeCodes: readonly number[],
  expected: Partial<Sight> = {},
  options: Options = {},
): Case {
  return { ...lives(id, says, steps, expected, { closeCodes, ...options }), closes: false };
}

/** Sends bytes. */
export function write(bytes: Buffer, pieceBytes?: number): Step {
  return pieceBytes === undefined ? { write: bytes } : { write: bytes, pieceBytes };
}
