import type { Arena } from '../arena';
import type { Attack } from '../attack';

/** Who comes and goes at a time. */
const AT_ONCE = 10;
const USERS = 50;

/** Paths to which the visitor with a number comes. */
const PATHS: readonly ((number: number) => string)[] = [
  (number) => `/ws/ai/chat?session=streams${number}`,
  (number) => `/ws/bi/dashboards/streams${number}`,
  (number) => `/ws/notifications?resume=0123456789abcdef_1.${number}`,
  (number) => `/ws/collaboration/streams${number}`,
];

export const streamChurn: Attack = {
  name: 'stream-churn',
  does: 'asks for an event stream of something new each time and leaves at once, as often as the gatekeeper lets a tenant',
  clients: async (arena) => {
    let visits = 0;
    const keepVisiting = async (): Promise<void> => {
      while (!arena.isOver()) await visit(arena, (visits += 1));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, keepVisiting));
  },
};

async function visit(arena: Arena, number: number): Promise<void> {
  const path = PATHS[number % PATHS.length]?.(number) ?? '';
  const foe = await arena.enter({ path, user: number % USERS, overHttp: true });
  // Its first event.
  await foe?.heard(1);
  foe?.leave();
}
