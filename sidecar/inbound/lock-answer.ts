import type { LockDenial } from '../locks/lock-holder';
import type { LockFault } from '../locks/lock-message';
import { refusedMessage, unavailable, type Answer, type RefusedMessage } from './receive';

const DENIALS: Readonly<Record<LockDenial, RefusedMessage>> = {
  held: refusedMessage('LOCKED', 'another holds it: bridge.locks says who'),
  socket: refusedMessage('TOO_MANY_LOCKS', 'too many locks of this socket: unlock one first'),
  document: refusedMessage('TOO_MANY_LOCKS', 'too many locks of this document: try again later'),
  tenant: refusedMessage('TOO_MANY_LOCKS', 'too many locks of this tenant: try again later'),
  unconfirmed: unavailable(),
};

/** The answer to a message about a lock that was not obeyed. */
export function deniedLock(name: string, denial: LockDenial): Answer {
  return { ...DENIALS[denial], name };
}

/** The answer to one that is malformed. */
export function invalidLock({ fault, name }: LockFault): Answer {
  return { ...refusedMessage('INVALID_LOCK', fault), name };
}
