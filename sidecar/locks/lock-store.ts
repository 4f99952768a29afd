/** A document of a tenant. */
export interface LockedDocument {
  readonly tenantId: string;
  /** The channel of the document, with its prefix. */
  readonly channel: string;
}

/** A name of a document, which may be locked. */
export interface LockPlace extends LockedDocument {
  readonly name: string;
}

/** Who asks for a lock. */
export interface LockClaim extends LockPlace {
  readonly userId: string;
  /** One who comes back to another socket with the same user and holder has its lock again. */
  readonly holder: string;
}

/** A lock as Redis has it. */
export interface HeldLock extends LockPlace {
  /** Larger than that of every lock of the tenant before: decimal digits. */
  readonly token: string;
}

/** Why a name was not locked: another holds it, or a document or a tenant has as many locks as it may have. */
export type LockRefusal = 'held' | 'document' | 'tenant';

/** The answer to a claim. */
export type LockAnswer =
  | {
      readonly token: string;
      /** Whether its holder had the lock before. */
      readonly hadIt: boolean;
    }
  | LockRefusal;

/** A lock as everybody at the document sees it. */
export interface ListedLock {
  readonly name: string;
  readonly user: string;
}

/** The locks of a document. */
export interface LockList {
  readonly locks: readonly ListedLock[];
  /** For so long none of them ends, in milliseconds; undefined when there is none. */
  readonly nextMs: number | undefined;
}

/** The locks that all bridges share. */
export interface LockStore {
  /** @throws when Redis is unreachable, or takes no writes; then it may have taken the claim all the same */
  take(claim: LockClaim): Promise<LockAnswer>;
  /**
   * Has locks of one tenant go on for so long from now, in milliseconds; 0 frees them.
   * @returns those that are not held under their token any more
   * @throws when Redis is unreachable, or takes no writes
   */
  extend<Lock extends HeldLock>(locks: readonly Lock[], ms: number): Promise<readonly Lock[]>;
  /** @throws when Redis is unreachable */
  list(document: LockedDocument): Promise<LockList>;
}
