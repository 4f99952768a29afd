import type { AfterClose } from '../../protocol/close-codes.ts';
import { OTHERWISE, POLICY } from './close-policy.ts';

/** A client's next step after a close code. */
export function afterClose(code: number): AfterClose {
  return POLICY.get(code) ?? OTHERWISE;
}
