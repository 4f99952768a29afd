/** A consumer as Kong has it (kong/db/schema/entities/consumers.lua). Kong leaves out, or gives as null, what it has not. */
export interface Consumer {
  readonly id: string;
  readonly username: string;
  readonly custom_id?: string | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
}

/**
 * A credential as Kong has it. `consumer_id` is never empty: Kong's acl plugin looks up the consumer of that id, and answers 500
 * where it is no UUID.
 */
export interface Credential {
  readonly id: string;
  readonly consumer_id: string;
}

/** The consumer of an upgrade. */
export interface AuthenticatedConsumer {
  readonly consumer: Consumer;
  /** With one, Kong's acl plugin goes by the groups of the consumer; without, by the roles. */
  readonly credential: Credential | undefined;
}

/** Finds the consumer with this username in Kong; undefined when there is none. */
export type FindConsumer = (username: string) => Promise<Consumer | undefined>;
