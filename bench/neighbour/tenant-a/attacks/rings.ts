import type { Arena } from '../arena';
import type { Attack } from '../attack';
import { Pace } from '../../pursue';
import { maskedFrame, OPCODE_BINARY } from '../../masked-frame';

/** Documents that are filled at a time. */
const AT_ONCE = 8;
/** Each user has a document at a time. */
const USERS = 50;
/** The header of a client's frame, at most. */
const HEADER_BYTES = 14;
/** A refused message is not heard: its sender goes on after this. */
const PATIENCE_MS = 1000;

export const rings: Attack = {
  name: 'rings',
  does: 'fills the ring of one document after the other, and leaves each at once',
  clients: async (arena) => {
    let documents = 0;
    const keepFilling = async (): Promise<void> => {
      const { message, pace } = ringMessage(arena);
      while (!arena.isOver()) await fillRing(arena, (documents += 1), message, pace);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, keepFilling));
  },
};

/** As large as fits a ring, and how often each of those that fill rings may send it. */
function ringMessage({ limits }: Arena): { readonly message: Buffer; readonly pace: Pace } {
  const { relayBytes, settings, messages } = limits;
  const message = maskedFrame(OPCODE_BINARY, Buffer.alloc(Math.min(relayBytes, settings.ringMaxBytes), 7));
  const pace = new Pace(messages('relay', message.length, { sockets: AT_ONCE, users: AT_ONCE }));
  return { message, pace };
}

async function fillRing(arena: Arena, document: number, message: Buffer, pace: Pace): Promise<void> {
  const { ringMaxBytes } = arena.limits.settings;
  const place = { path: `/ws/collaboration/ring${arena.strength}${document}`, user: document % USERS };
  const listener = await arena.enter({ ...place, subprotocol: true });
  const sender = await arena.enter(place);
  if (listener !== undefined && sender !== undefined) {
    // Frames' headers make a message somewhat larger than what it puts into the ring.
    const count = Math.max(1, Math.round(ringMaxBytes / message.length));
    for (let number = 1; number <= count; number += 1) {
      await arena.turn(pace);
      await arena.write(sender, message);
      const patience = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE_MS));
      await Promise.race([listener.heard(number * (message.length - HEADER_BYTES)), patience]);
    }
  }
  listener?.leave();
  sender?.leave();
}
