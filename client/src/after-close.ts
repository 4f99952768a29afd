import type { AfterClose } from '../../protocol/close-codes.ts';
import { POLICY } from './close-policy.ts';

/** What to do after a close code. One that is not in the table, as 1006 is, may be a passing trouble. */
export function afterClose(code: number): AfterClose {
  return POLICY.get(code) ?? 'reconnect-later';
}
