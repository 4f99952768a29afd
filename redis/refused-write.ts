/**
 * Whether Redis takes no writes now and answers reads all the same: it has no room left (`OOM`), or cannot save what it
 * has (`MISCONF`). Keys that are there may be looked up, and nothing new is known to anybody else.
 */
export function isRefusedWrite(error: unknown): error is Error {
  return error instanceof Error && /^(?:OOM|MISCONF) /.test(error.message);
}
