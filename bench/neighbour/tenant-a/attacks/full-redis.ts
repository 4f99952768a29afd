import type { Arena } from '../arena';
import type { Attack } from '../attack';
import { commandFrame, textCommand } from '../commands';

const MEMORY = '256mb';
const USERS = 10;

/** Fills what Redis has. */
async function fill(arena: Arena): Promise<void> {
  const { commandBytes, messages } = arena.limits;
  const message = commandFrame(textCommand(commandBytes));
  const rate = messages('command', message.length, { sockets: USERS, users: USERS });
  const users = Array.from({ length: USERS }, (_, user) => user);
  await Promise.all(
    users.map((user) => arena.keepSending({ path: `/ws/ai/chat?session=fill${user}`, user }, rate, message)),
  );
}

export const fullRedis: Attack = {
  name: 'full-redis',
  does: `10 users fill the command stream of a Redis with ${MEMORY} that refuses what does not fit`,
  redis: ['--maxmemory', MEMORY, '--maxmemory-policy', 'noeviction'],
  clients: fill,
};

export const fullRedisLru: Attack = {
  name: 'full-redis-lru',
  does: `10 users fill the command stream of a Redis with ${MEMORY} that evicts what was not used for longest`,
  redis: ['--maxmemory', MEMORY, '--maxmemory-policy', 'allkeys-lru'],
  clients: fill,
};
