import { escapeSegment } from '../../protocol/channels';
import type { ConsumerRule } from '../config/config';
import { Refusal } from '../request/refusal';
import type { VerifiedToken } from '../token/verify';

/**
 * The username of an upgrade's consumer.
 * @throws Refusal 403 for a token without the claim that names it
 */
export function usernameOf({ by }: ConsumerRule, { identity, consumer }: VerifiedToken): string {
  const { tenantId, userId } = identity;
  switch (by) {
    case 'tenant':
      return tenantId;
    case 'user':
      // Two tenants may have a user of the same name.
      return `${escapeSegment(tenantId)}:${escapeSegment(userId)}`;
    case 'claim':
      if (consumer === undefined) throw new Refusal('no_consumer', 'The token names no consumer');
      return consumer;
  }
}
