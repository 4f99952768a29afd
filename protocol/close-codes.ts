/** A client's next step after a close code: the whole policy, so that no client needs an `if` a code. */
export type AfterClose =
  /** Come back at once, spread out with jitter. */
  | 'reconnect'
  /** Come back with exponential backoff. */
  | 'reconnect-later'
  /** Fetch a new token, then come back. */
  | 'renew-token'
  /** Come back and resume: frames were not taken in time. */
  | 'resume'
  /** Do not come back: the same request will be refused again. */
  | 'stop';

/** One row of the table. */
export interface CloseCode {
  readonly code: number;
  readonly name: string;
  readonly meaning: string;
  readonly then: AfterClose;
}

/**
 * Every close code that the bridge sends. Below 4000 they are of RFC 6455 §7.4.1 and the IANA registry. From 4400 on they
 * are the application's own, named after the HTTP status they resemble.
 */
export const CLOSE_CODES = {
  goingAway: row(1001, 'Going Away', 'the bridge or the page is going away', 'reconnect'),
  policyViolation: row(1008, 'Policy Violation', 'the client broke a rule of the route', 'stop'),
  messageTooBig: row(1009, 'Message Too Big', 'a message is larger than the bridge takes', 'stop'),
  internalError: row(1011, 'Internal Error', 'the bridge failed', 'reconnect-later'),
  serviceRestart: row(1012, 'Service Restart', 'the bridge restarts', 'reconnect'),
  tryAgainLater: row(
    1013,
    'Try Again Later',
    'the bridge is overloaded or cannot reach Redis',
    'reconnect-later',
  ),
  tokenExpired: row(4401, 'Token Expired', 'the token expired or was revoked', 'renew-token'),
  forbidden: row(4403, 'Forbidden', 'what was asked for is not allowed', 'stop'),
  tooSlow: row(4408, 'Too Slow', 'the client did not take its frames in time', 'resume'),
  tooManyMessages: row(4429, 'Too Many Messages', 'the client sent more than it may', 'reconnect-later'),
} as const satisfies Readonly<Record<string, CloseCode>>;

function row(code: number, name: string, meaning: string, then: AfterClose): CloseCode {
  return Object.freeze({ code, name, meaning, then });
}
