import type { LockDenial, LockHolder } from '../locks/lock-holder';
import type { LockMessage } from '../locks/lock-message';
import type { Locks } from '../locks/locks';
import type { Peer, Peers } from '../peers/peers';
import type { Listening, Presence } from '../presence/presence';
import type { Admission } from './admission';

/** Those whom a connection's company is told by. */
export interface CompanyContext {
  /** Undefined when no route tells of its listeners. */
  readonly presence: Presence | undefined;
  /** Undefined when no route tells who else is there. */
  readonly peers: Peers | undefined;
  /** Undefined when no route has locks. */
  readonly locks: Locks | undefined;
}

/** A client as those who are told that it is there see it. */
export interface Companion {
  /** Sends it a text message. */
  send(text: string): void;
}

/** An open connection among others: services are told of it, the peers at its document, and those who wait for its locks. */
export class Company {
  readonly #listening: Listening | undefined;
  readonly #peer: Peer | undefined;
  readonly #locks: LockHolder | undefined;

  private constructor(admission: Admission, context: CompanyContext, client: Companion) {
    this.#listening = enterPresence(admission, context);
    this.#peer = enterPeers(admission, context, client);
    this.#locks = enterLocks(admission, context, client);
  }

  /** @returns undefined on a route where nobody is told */
  static of(admission: Admission, context: CompanyContext, client: Companion): Company | undefined {
    const { route, topic } = admission;
    if (topic === undefined && !route.peers && !route.locks) return undefined;
    return new Company(admission, context, client);
  }

  takeLock(message: LockMessage): Promise<LockDenial | undefined> {
    return this.#locks?.take(message) ?? Promise.resolve('unconfirmed');
  }

  /** @param mayComeBack whether its client may come back for its locks; the first call counts */
  freeLocks(mayComeBack: boolean): void {
    this.#locks?.leave(mayComeBack);
  }

  /** It is gone. Can be called more than once. */
  leave(): void {
    this.#listening?.leave();
    this.#peer?.leave();
    this.freeLocks(false);
  }
}

function enterPresence({ topic }: Admission, { presence }: CompanyContext): Listening | undefined {
  return topic === undefined ? undefined : presence?.enter(topic);
}

function enterPeers(admission: Admission, { peers }: CompanyContext, client: Companion): Peer | undefined {
  const { route, channels, caller, bridgeV1 } = admission;
  const [channel] = channels;
  if (!route.peers || channel === undefined) return undefined;
  const told = (frame: string): void => {
    client.send(frame);
  };
  return peers?.enter(channel, caller.identity.userId, bridgeV1 && told);
}

function enterLocks(
  admission: Admission,
  { locks }: CompanyContext,
  client: Companion,
): LockHolder | undefined {
  const { route, channels, caller, bridgeV1 } = admission;
  const [channel] = channels;
  if (!route.locks || channel === undefined || bridgeV1 === undefined) return undefined;
  const { tenantId, userId } = caller.identity;
  return locks?.enter({ tenantId, channel }, userId, client);
}
