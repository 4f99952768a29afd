import { escapeSegment } from '../../protocol/channels';
import type { Identity } from '../../protocol/identity';
import { uuidV5 } from '../lib/uuid-v5';
import type { Consumer, Credential } from './consumer';

/** Namespace of the ids that Kong makes (kong/db/schema/others/declarative_config.lua). */
const ENTITIES = 'fd02801f-0957-4a15-a55a-c8d9606f30b5';
const CONSUMERS = uuidV5(ENTITIES, 'consumers');
const CREDENTIALS = uuidV5(ENTITIES, 'ws_gatekeeper_credentials');

/**
 * The consumer with this username, whether or not Kong has one. Its id is the one that a declarative configuration gives to a
 * consumer of this username without an `id`. So there the plugins of that consumer hold.
 */
export function derivedConsumer(username: string): Consumer {
  return { id: uuidV5(CONSUMERS, username), username };
}

/** The credential of a user: Kong's rate-limiting plugin can count by it. */
export function credentialOf({ tenantId, userId }: Identity, { id }: Consumer): Credential {
  return { id: uuidV5(CREDENTIALS, `${escapeSegment(tenantId)}:${escapeSegment(userId)}`), consumer_id: id };
}
