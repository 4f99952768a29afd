import { CLOSE_CODES, type AfterClose } from '../../protocol/close-codes.ts';

/** The next step after a close code that is not in {@link POLICY}. One unknown, as 1006 is, may be a passing trouble. */
export const OTHERWISE = 'reconnect-later';

/** The next step after each close code of the table. The build replaces this file by the values of its exports. */
export const POLICY: ReadonlyMap<number, AfterClose> = new Map(
  Object.values(CLOSE_CODES)
    .filter(({ then }) => then !== OTHERWISE)
    .map(({ code, then }) => [code, then]),
);
