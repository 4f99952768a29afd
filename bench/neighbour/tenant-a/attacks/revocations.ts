import { randomUUID } from 'node:crypto';
import { TENANT_A, type Arena } from '../arena';
import type { Attack } from '../attack';

const USERS = 200;
const PER_SECOND = { within: 200, over: 2000 };
/** One in so many is of the whole tenant, one of a user; the others are of tokens that nobody has. */
const TENANT_EVERY = 200;
const USER_EVERY = 3;

export const revocations: Attack = {
  name: 'revocations',
  does: 'services revoke tokens, users and all of A, while its 200 users come back',
  clients: async (arena) => {
    const users = Array.from({ length: USERS }, (_, user) => user);
    await Promise.all(
      users.map((user) => arena.keepIn({ path: '/ws/notifications', user }, (foe) => foe.ended())),
    );
  },
  service: (arena: Arena) =>
    arena.publish(PER_SECOND[arena.strength], (number) => ['ws:control', revocation(number)]),
};

function revocation(number: number): string {
  const type = 'revoke';
  if (number % TENANT_EVERY === TENANT_EVERY - 1) return JSON.stringify({ type, tenant: TENANT_A });
  if (number % USER_EVERY > 0) return JSON.stringify({ type, jti: randomUUID() });
  return JSON.stringify({ type, tenant: TENANT_A, user: `u${number % USERS}` });
}
