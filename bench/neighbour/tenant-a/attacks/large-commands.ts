import type { Attack } from '../attack';
import { commandFrame, textCommand } from '../commands';

const SOCKETS = 3;

export const largeCommands: Attack = {
  name: 'large-commands',
  does: '3 sockets of one user send the largest commands',
  clients: async (arena) => {
    const { commandBytes, messages } = arena.limits;
    const message = commandFrame(textCommand(commandBytes));
    const rate = messages('command', message.length, { sockets: SOCKETS, users: 1 });
    const places = Array.from({ length: SOCKETS }, (_, number) => `/ws/ai/chat?session=large${number}`);
    await Promise.all(places.map((path) => arena.keepSending({ path, user: 0 }, rate, message)));
  },
};
