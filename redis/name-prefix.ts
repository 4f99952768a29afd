import type { RedisTarget } from './url';

/** Bytes of a prefix, at most. */
export const MAX_NAME_PREFIX_BYTES = 128;

/** The form of a prefix, for messages. */
export const NAME_PREFIX_FORM =
  `at most ${MAX_NAME_PREFIX_BYTES} characters of printable ASCII without spaces, braces and * ? [ ] \\, ` +
  'which do not begin with "ws:"';

// Braces would make a hash tag, and move every name to another slot of a cluster; the others are the wildcards of Redis's ACL.
const NAME_PREFIX = /^(?!ws:)[!-~]*$/;
const TAG_OR_WILDCARD = /[{}*?[\]\\]/;

/**
 * Whether a text may go before every name in Redis (PROTOCOL.md §8). One that begins as the bridges' own names do could
 * spell those of an environment without a prefix.
 */
export function isNamePrefix(text: string): boolean {
  return text.length <= MAX_NAME_PREFIX_BYTES && NAME_PREFIX.test(text) && !TAG_OR_WILDCARD.test(text);
}

/** The meaning of {@link unscopedDatabase}, for a log and a terminal. */
export const UNSCOPED_DATABASE =
  "a database number does not separate Pub/Sub: environments on one Redis get each other's messages, revocations included. " +
  'Give each a prefix of its own: BRIDGE_CHANNEL_PREFIX, and the same in redis.prefix of the plugin';

/**
 * The database that somebody counts on to keep environments apart, which it does not. Pub/Sub knows no databases, and
 * without a prefix all of them have the same channels. Undefined when there is a prefix, or no such database.
 *
 * @param target as a Redis URL says it; of a cluster it has no database
 */
export function unscopedDatabase(
  target: RedisTarget | { readonly database: number },
  prefix: string,
): number | undefined {
  const database = 'database' in target ? target.database : 0;
  return prefix === '' && database !== 0 ? database : undefined;
}
