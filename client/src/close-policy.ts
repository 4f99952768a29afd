import { CLOSE_CODES, type AfterClose } from '../../protocol/close-codes.ts';

/** What to do after a close code that is not in {@link POLICY}. One unknown, as 1006 is, may be a passing trouble. */
export const OTHERWISE = 'reconnect-later';

/** What to do after each close code of the table. The build replaces this file by the values of its exports. */
export const POLICY: ReadonlyMap<number, AfterClose> = new Map(
  Object.values(CLOSE_CODES)
    .filter(({ then }) => then !== OTHERWISE)
    .map(({ code, then }) => [code, then]),
);
