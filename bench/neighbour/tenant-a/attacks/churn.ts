import type { Arena, Entrance } from '../arena';
import type { Attack } from '../attack';
import { commandFrame } from '../commands';

/** Who comes and goes at a time. */
const AT_ONCE = 10;
const USERS = 50;

/** Ways in which the visitor with a number comes. */
const ENTRANCES: readonly ((number: number) => Omit<Entrance, 'user'>)[] = [
  (number) => ({ path: `/ws/ai/chat?session=churn${number}`, subprotocol: true }),
  (number) => ({ path: `/ws/collaboration/churn${number}` }),
  (number) => ({ path: `/ws/bi/dashboards/churn${number}`, subprotocol: true }),
  (number) => ({ path: `/ws/notifications?resume=0123456789abcdef_1.${number}`, subprotocol: true }),
  () => ({ path: '/ws/notifications' }),
];

export const churn: Attack = {
  name: 'churn',
  does: 'connects to something new each time and leaves at once, as often as the gatekeeper lets a tenant',
  clients: async (arena) => {
    let visits = 0;
    const keepVisiting = async (): Promise<void> => {
      while (!arena.isOver()) await visit(arena, (visits += 1));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, keepVisiting));
  },
};

async function visit(arena: Arena, number: number): Promise<void> {
  const entrance = ENTRANCES[number % ENTRANCES.length]?.(number);
  if (entrance === undefined) return;
  const foe = await arena.enter({ ...entrance, user: number % USERS });
  if (foe === undefined) return;
  await arena.write(foe, commandFrame('{"type":"t"}'));
  foe.leave();
}
