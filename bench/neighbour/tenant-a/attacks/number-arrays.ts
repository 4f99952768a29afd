import type { Attack } from '../attack';
import { arrayCommand, commandFrame } from '../commands';

const SOCKETS = 5;

export const numberArrays: Attack = {
  name: 'number-arrays',
  does: '5 sockets of one user send the largest commands of numbers that are longer once they are written again',
  clients: async (arena) => {
    const { commandBytes, values, messages } = arena.limits;
    const most = arena.strength === 'within' ? values : Infinity;
    const message = commandFrame(arrayCommand('1e20', commandBytes, most));
    const rate = messages('command', message.length, { sockets: SOCKETS, users: 1 });
    const places = Array.from({ length: SOCKETS }, (_, number) => `/ws/ai/chat?session=numbers${number}`);
    await Promise.all(places.map((path) => arena.keepSending({ path, user: 0 }, rate, message)));
  },
};
