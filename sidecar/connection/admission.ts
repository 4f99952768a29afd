import type { Assertion } from '../../protocol/assertion';
import type { TraceContext } from '../../protocol/trace-context';
import type { HistoryPlace } from '../history/history-store';
import type { ResumeFrom } from '../resume/resume-point';
import type { Route } from '../routes/route';

/** Who is connected: an assertion without what counts for its upgrade alone, which a socket need not keep. */
export type Caller = Omit<Assertion, 'jti' | 'exp'>;

/** An upgrade that may go on to Redis. */
export interface Admission {
  readonly route: Route;
  readonly caller: Caller;
  /** The upgrade's, in its one spelling. */
  readonly path: string;
  /** Undefined on a route without sessions. */
  readonly session: string | undefined;
  /** The bridge made its id for this upgrade: it has no owner yet. */
  readonly isNewSession: boolean;
  readonly channels: readonly string[];
  /** The key of the channel's state, where its route has one. */
  readonly stateKey: string | undefined;
  /** Where the channel's history is, where its route has one. */
  readonly history: HistoryPlace | undefined;
  /** The text of the topic that it listens to, where services are told of that. */
  readonly topic: string | undefined;
  /** Undefined for a plain client. */
  readonly bridgeV1: BridgeV1Request | undefined;
  /** The upgrade's, when its `traceparent` is valid. */
  readonly trace: TraceContext | undefined;
}

/** The request of a client that speaks `bridge.v1` (PROTOCOL.md §5). */
export interface BridgeV1Request {
  readonly from: ResumeFrom;
  /** Whether it has been sent neither a frame nor a state since its stream began. */
  readonly lacksState: boolean;
  /** The session that only the id of its last event named. */
  readonly sessionOfId?: string | undefined;
}
