import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';

const BALLAST_KEY = 'the ballast of these tests';
/** More than Redis takes by itself. */
const BALLAST_BYTES = 16 * 1024 * 1024;

/** How a Redis comes to take no writes, and takes them again. Its server needs `--enable-protected-configs yes`. */
export interface RefusedWrites {
  /** The first word of what Redis says. */
  readonly kind: 'OOM' | 'MISCONF';
  readonly begin: (admin: Redis) => Promise<void>;
  readonly end: (admin: Redis) => Promise<void>;
}

/** It has no room: a large key, and less memory than that. */
export const WITHOUT_ROOM: RefusedWrites = {
  kind: 'OOM',
  async begin(admin) {
    await admin.set(BALLAST_KEY, Buffer.alloc(BALLAST_BYTES, 'x'));
    await admin.config('SET', 'maxmemory-policy', 'noeviction', 'maxmemory', `${BALLAST_BYTES / 2}`);
  },
  async end(admin) {
    await admin.del(BALLAST_KEY);
    await admin.config('SET', 'maxmemory', '0');
  },
};

/** It cannot save what it has. */
export const UNABLE_TO_SAVE: RefusedWrites = {
  kind: 'MISCONF',
  async begin(admin) {
    await admin.config('SET', 'save', '1 1', 'dir', '/proc');
    await admin.bgsave().catch(() => undefined);
    while (!(await admin.info('persistence')).includes('rdb_last_bgsave_status:err')) await sleep(10);
  },
  async end(admin) {
    await admin.config('SET', 'dir', '/tmp', 'save', '');
  },
};
