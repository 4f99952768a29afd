import type { Arena } from '../arena';
import type { Attack } from '../attack';
import { maskedFrame, OPCODE_BINARY } from '../../masked-frame';

/** Documents that are filled at a time. */
const AT_ONCE = 8;
/** Each user has a document at a time. */
const USERS = 50;

export const rings: Attack = {
  name: 'rings',
  does: 'fills the ring of one document after the other, and leaves each at once',
  clients: async (arena) => {
    let documents = 0;
    const keepFilling = async (): Promise<void> => {
      while (!arena.isOver()) await fillRing(arena, (documents += 1));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, keepFilling));
  },
};

async function fillRing(arena: Arena, document: number): Promise<void> {
  const { relayBytes, settings } = arena.limits;
  const place = { path: `/ws/collaboration/ring${arena.strength}${document}`, user: document % USERS };
  const listener = await arena.enter({ ...place, subprotocol: true });
  const sender = await arena.enter(place);
  if (listener !== undefined && sender !== undefined) {
    const bytes = Math.min(relayBytes, settings.ringMaxBytes);
    const message = maskedFrame(OPCODE_BINARY, Buffer.alloc(bytes, 7));
    for (let sent = 0; sent + bytes <= settings.ringMaxBytes; sent += bytes) {
      await arena.write(sender, message);
      await listener.heard(sent + bytes);
    }
  }
  listener?.leave();
  sender?.leave();
}
