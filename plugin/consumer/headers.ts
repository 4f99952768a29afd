import { CONSUMER_HEADERS } from '../../protocol/header-names';
import type { Consumer } from './consumer';

const [ID, USERNAME, CUSTOM_ID] = CONSUMER_HEADERS;

/** The changes to these headers: a client's own never reach the upstream. */
export function consumerHeaders({ id, username, custom_id: customId }: Consumer): {
  readonly set: Readonly<Record<string, string>>;
  readonly clear: readonly string[];
} {
  const set = { [ID]: id, [USERNAME]: username, ...(customId ? { [CUSTOM_ID]: customId } : {}) };
  return { set, clear: CONSUMER_HEADERS.filter((name) => !(name in set)) };
}
