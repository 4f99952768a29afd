import { Pace } from '../../pursue';
import type { Attack } from '../attack';

const USERS = 20;
/** On their way at a time. */
const AT_ONCE = 50;

export const posts: Attack = {
  name: 'posts',
  does: '20 users post commands, 50 at a time, as often as the gatekeeper lets a tenant',
  clients: async (arena) => {
    const places = Array.from({ length: USERS }, (_, user) => ({
      path: `/ws/ai/chat?session=posts${user}`,
      user,
    }));
    // A session belongs to whom opened it.
    await Promise.all(places.map(async (place) => (await arena.enter(place))?.leave()));
    const pace = new Pace(arena.limits.posts);
    let number = 0;
    const keepPosting = async (): Promise<void> => {
      while (!arena.isOver()) {
        await arena.turn(pace);
        const place = places[(number += 1) % USERS];
        if (place !== undefined) await arena.post(place, `{"type":"t","id":"${arena.strength}${number}"}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, keepPosting));
  },
};
