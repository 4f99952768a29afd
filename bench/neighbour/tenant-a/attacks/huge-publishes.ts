import { TENANT_A } from '../arena';
import type { Attack } from '../attack';

const SOCKETS = 200;
const SOCKETS_PER_USER = 100;
const PAYLOAD = Buffer.alloc(1_048_576, 'x');
const PER_SECOND = { within: 1, over: 4 };

export const hugePublishes: Attack = {
  name: 'huge-publishes',
  does: 'a service publishes 1 MiB at a time to 200 sockets',
  clients: async (arena) => {
    const sockets = Array.from({ length: SOCKETS }, (_, number) => number);
    await Promise.all(
      sockets.map((number) =>
        arena.keepIn(
          {
            path: '/ws/notifications',
            user: Math.floor(number / SOCKETS_PER_USER),
            subprotocol: number % 2 === 0,
          },
          (foe) => foe.ended(),
        ),
      ),
    );
  },
  service: (arena) => arena.publish(PER_SECOND[arena.strength], () => [`${TENANT_A}:notifications`, PAYLOAD]),
};
