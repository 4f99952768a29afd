import type { Attack } from '../attack';
import { commandFrame } from '../commands';

/** The sockets of one user, as many as it may have. */
const SOCKETS = 100;

export const smallCommands: Attack = {
  name: 'small-commands',
  does: '100 sockets of one user send the smallest commands',
  clients: async (arena) => {
    const message = commandFrame('{"type":"t"}');
    const rate = arena.limits.messages('command', message.length, { sockets: SOCKETS, users: 1 });
    const places = Array.from({ length: SOCKETS }, (_, number) => `/ws/ai/chat?session=small${number}`);
    await Promise.all(places.map((path) => arena.keepSending({ path, user: 0 }, rate, message)));
  },
};
