import type { Attack } from '../attack';
import { arrayCommand, commandFrame, nested } from '../commands';

/** `data` itself is an array of these, which is one level. */
const OWN_DEPTH = 1;
/** Beyond the limit by so many times. */
const TOO_DEEP = 4;

export const deepCommand: Attack = {
  name: 'deep-command',
  does: 'one socket sends the largest command of the deepest arrays',
  clients: (arena) => {
    const { depth, values, commandBytes, messages } = arena.limits;
    const levels = arena.strength === 'within' ? depth - OWN_DEPTH : depth * TOO_DEEP;
    const most = arena.strength === 'within' ? values : Infinity;
    const message = commandFrame(arrayCommand(nested(levels), commandBytes, most, levels));
    const rate = messages('command', message.length);
    return arena.keepSending({ path: '/ws/ai/chat?session=deep', user: 0 }, rate, message);
  },
};
