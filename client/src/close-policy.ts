import { CLOSE_CODES, type AfterClose } from '../../protocol/close-codes.ts';

/** What to do after each close code of the table. The build replaces this file by the value of its one export. */
export const POLICY: ReadonlyMap<number, AfterClose> = new Map(
  Object.values(CLOSE_CODES).map(({ code, then }) => [code, then]),
);
