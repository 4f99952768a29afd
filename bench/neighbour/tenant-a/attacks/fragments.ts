import { FRAME_OVERHEAD_BYTES } from '../../../../sidecar/quotas/byte-owners';
import type { Attack } from '../attack';
import { maskedFrame, OPCODE_BINARY, OPCODE_CONTINUATION } from '../../masked-frame';

const SOCKETS = 10;

export const fragments: Attack = {
  name: 'fragments',
  does: '10 sockets of one user send messages in as many frames as one may have, of a byte each',
  clients: async (arena) => {
    const { settings, messages } = arena.limits;
    const message = fragmented(settings.maxFragments);
    // As the bridge counts them: a byte for each frame, and more for each after the first.
    const counted = settings.maxFragments + (settings.maxFragments - 1) * FRAME_OVERHEAD_BYTES;
    const rate = messages('relay', counted, { sockets: SOCKETS, users: 1 });
    const places = Array.from({ length: SOCKETS }, (_, number) => `/ws/collaboration/fragments${number}`);
    await Promise.all(places.map((path) => arena.keepSending({ path, user: 0 }, rate, message)));
  },
};

/** One message of so many frames. */
function fragmented(frames: number): Buffer {
  const byte = Buffer.of(7);
  const parts = Array.from({ length: frames }, (_, number) =>
    maskedFrame(number === 0 ? OPCODE_BINARY : OPCODE_CONTINUATION, byte, { fin: number === frames - 1 }),
  );
  return Buffer.concat(parts);
}
