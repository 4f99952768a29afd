import type { Phase, Schedule } from '../schedule';
import type { PhaseFigures } from '../observations';

/** Where tenant B finds the bridge, and what it does there. */
export interface TenantBPlan {
  readonly port: number;
  readonly adminPort: number;
  readonly schedule: Schedule;
  /** Chat sessions that are streamed to, each with a socket. */
  readonly chats: number;
  /** Tokens a second, of all chats together. */
  readonly tokensPerSecond: number;
}

/** The calls of tenant B's process. */
export interface TenantBCalls {
  /** Opens the chats' sockets, and from `schedule.beginUs` on sends commands, connects and asks for /livez. */
  begin(plan: TenantBPlan): Promise<void>;
  /**
   * Waits until what is under way has come to an end.
   * @param published how many tokens each chat was published
   */
  report(published: readonly number[]): Promise<Record<Phase, PhaseFigures>>;
}
