import { MESSAGE_OVERHEAD_BYTES, type ByteOwners } from '../quotas/byte-owners';
import type { OverRate } from './message-allowance';

/**
 * Charges a message that came by POST to its user and its tenant, as one of a socket. It has no socket, whose rate would bound it too: what
 * a message counts beside its bytes bounds their number.
 * @param nowMs a clock that nobody sets, in milliseconds
 * @returns the rate that it is over; it is charged to nobody then
 */
export function chargePost(
  owners: ByteOwners,
  { tenantId, userId }: { readonly tenantId: string; readonly userId: string },
  bytes: number,
  nowMs: number,
): OverRate | undefined {
  const account = owners.join(tenantId, userId);
  const { user, tenant } = account;
  const counted = bytes + MESSAGE_OVERHEAD_BYTES;
  try {
    if (!user.admits(counted, nowMs)) return 'user_bytes';
    if (!tenant.admits(counted, nowMs)) return 'tenant_bytes';
    user.charge(counted, nowMs);
    tenant.charge(counted, nowMs);
    return undefined;
  } finally {
    account.leave();
  }
}
