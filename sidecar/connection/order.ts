import type { Revocation, RevocationInTenant } from './caller-index';

/** An instruction of a service to every bridge about open sockets (PROTOCOL.md §6). */
export type Order =
  | (Revocation & { readonly type: 'revoke' })
  | (Omit<RevocationInTenant, 'except'> & { readonly type: 'reauthorize' });

/** The effect of an order on those whom it means. */
export type OrderedEnd =
  /** Closed with 4401, at once: the token ended. */
  | 'revoked'
  /** Closed with 4403, at once: a right to one path ended. */
  | 'forbidden'
  /** Closed with 4401 once the gatekeeper judges them anew. */
  | 'reauthorized';

export function endOf(order: Order): OrderedEnd {
  if (order.type === 'reauthorize') return 'reauthorized';
  return 'path' in order && order.path !== undefined ? 'forbidden' : 'revoked';
}
