import { ConnectError } from './errors.ts';

/** How a connection ended. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
  /** Why it did not become ready, or was given up for what its peer sent; undefined when it was open and is gone. */
  readonly error: unknown;
}

/** In a few words, for a person. */
export function reasonOf({ code, reason, error }: Ending): string {
  if (error === undefined) return `closed with ${code} ${reason}`.trimEnd();
  return error instanceof Error ? error.message : 'the token function threw no Error';
}

/** The error itself, where it tells of a refusal. */
export function connectErrorOf(error: unknown): ConnectError | undefined {
  return error instanceof ConnectError ? error : undefined;
}
