import { OPCODE_PING } from '../../../load/frame-reader';
import type { Attack } from '../attack';
import { maskedFrame } from '../../masked-frame';

/** The sockets of one user, as many as it may have. */
const SOCKETS = 100;
/** The most that a control frame carries (RFC 6455 §5.5). */
const PAYLOAD_BYTES = 125;

export const pings: Attack = {
  name: 'pings',
  does: '100 sockets of one user send the largest pings',
  clients: async (arena) => {
    const rate = arena.limits.messages('command', PAYLOAD_BYTES, { sockets: SOCKETS, users: 1 });
    const ping = maskedFrame(OPCODE_PING, Buffer.alloc(PAYLOAD_BYTES, 7));
    const place = { path: '/ws/notifications', user: 0 };
    await Promise.all(Array.from({ length: SOCKETS }, () => arena.keepSending(place, rate, ping)));
  },
};
