import type { Attack } from '../attack';
import { maskedFrame, OPCODE_BINARY } from '../../masked-frame';

const SOCKETS = 3;

export const lonelyRelays: Attack = {
  name: 'lonely-relays',
  does: '3 sockets of one user send the largest messages to documents that nobody else hears',
  clients: async (arena) => {
    const { relayBytes, messages } = arena.limits;
    const message = maskedFrame(OPCODE_BINARY, Buffer.alloc(relayBytes, 7));
    const rate = messages('relay', message.length, { sockets: SOCKETS, users: 1 });
    const places = Array.from({ length: SOCKETS }, (_, number) => `/ws/collaboration/lonely${number}`);
    await Promise.all(places.map((path) => arena.keepSending({ path, user: 0 }, rate, message)));
  },
};
