import { integer } from './row';

/** Locks of documents (`locks` of a route). */
export const LOCK_ROWS = {
  lockLeaseMs: integer(
    'BRIDGE_LOCK_LEASE_MS',
    15_000,
    [3000, 600_000],
    'ms',
    'that a lock counts (`locks` of a route) once no bridge renews it, as after one that was killed; renewed three times in it',
  ),
  lockLingerMs: integer(
    'BRIDGE_LOCK_LINGER_MS',
    10_000,
    [0, 600_000],
    'ms',
    'that a lock counts once its socket is gone, for a client that named its holder; 0 to free it at once',
  ),
  maxLockNameBytes: integer('BRIDGE_MAX_LOCK_NAME_BYTES', 128, [1, 1024], 'bytes', 'of the name of a lock'),
  maxLocksPerSocket: integer(
    'BRIDGE_MAX_LOCKS_PER_SOCKET',
    16,
    [1, 200],
    'locks',
    'that a socket may hold at a time',
  ),
  maxLocksPerDocument: integer(
    'BRIDGE_MAX_LOCKS_PER_DOCUMENT',
    100,
    [1, 1000],
    'locks',
    'held at a document at a time, on all bridges together; each of its clients is sent all of them',
  ),
  maxLocksPerTenant: integer(
    'BRIDGE_MAX_LOCKS_PER_TENANT',
    5000,
    [1, 1_000_000],
    'locks',
    "held at a tenant's documents at a time, on all bridges together",
  ),
} as const;
