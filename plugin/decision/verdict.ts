import type { Identity } from '../../protocol/identity';
import type { GatekeeperOutcome } from '../../protocol/refusals';
import type { AuthenticatedConsumer } from '../consumer/consumer';

/** The upgrade goes on to the upstream. */
export interface Admit {
  readonly outcome: 'admitted';
  readonly requestId: string;
  readonly identity: Identity;
  /** Whom Kong's other plugins take for the caller; undefined where the configuration names nobody. */
  readonly consumer: AuthenticatedConsumer | undefined;
  /** Set on the upstream request, all at once, over whatever the client sent. */
  readonly upstreamHeaders: Readonly<Record<string, string>>;
  /** Removed from the upstream request. */
  readonly clearHeaders: readonly string[];
  /** The upstream's query, when it must change. */
  readonly rawQuery: string | undefined;
  /** Set on the response to the client. */
  readonly responseHeaders: Readonly<Record<string, string>>;
  /** The upstream's header that no log may have, in lower case. */
  readonly secretHeader: string;
}

/** The facts that were known of an upgrade when it was refused: for the log, never for the client. */
export interface Told {
  /** The identity in a token that was verified. */
  identity?: Identity;
  /** The limit that refused. */
  limit?: { readonly by: string; readonly paths: readonly string[]; readonly limit: number };
  /** The field of the configuration that does not let the token open the path. */
  rule?: string;
  /** The address or network of a client over a limit with its refused upgrades. */
  address?: string | undefined;
  /** Why this upgrade would be refused without that limit, as far as it was looked at. */
  refusedFor?: GatekeeperOutcome;
}

/** The upgrade ends here. */
export interface Reject extends Readonly<Told> {
  readonly outcome: GatekeeperOutcome;
  readonly requestId: string;
  readonly status: number;
  readonly message: string;
  readonly responseHeaders: Readonly<Record<string, string>>;
}
