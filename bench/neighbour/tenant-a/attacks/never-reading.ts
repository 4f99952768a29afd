import type { Arena } from '../arena';
import type { Attack } from '../attack';
import type { Reading } from '../foe';

const SOCKETS = 100;
const PAYLOAD = `{"type":"token","data":{"token":"${'x'.repeat(65_500)}"}}`;
/** Who reads nothing does not see that it was cut: it comes back after this. */
const STAY_MS = 5000;
/** Messages of 64 KiB, to all sockets in turn: 6 and 25 MiB a second. */
const PER_SECOND = { within: 100, over: 400 };

/** Sockets, or event streams, that hear a session each. @param reading how fast each takes what comes */
export async function listenToSessions(arena: Arena, reading: Reading, overHttp = false): Promise<void> {
  const places = Array.from({ length: SOCKETS }, (_, number) => `/ws/ai/chat?session=deaf${number}`);
  await Promise.all(
    places.map((path, user) =>
      arena.keepIn({ path, user, subprotocol: user % 2 === 0, overHttp, reading }, (foe) =>
        Promise.race([foe.ended(), new Promise<void>((resolve) => setTimeout(resolve, STAY_MS))]),
      ),
    ),
  );
}

/** A service that answers them at length. */
export function publishToSessions(arena: Arena): Promise<void> {
  return arena.publish(PER_SECOND[arena.strength], (number) => [
    `ai:stream:deaf${number % SOCKETS}`,
    PAYLOAD,
  ]);
}

export const neverReading: Attack = {
  name: 'never-reading',
  does: '100 sockets read nothing while a service publishes to each',
  clients: (arena) => listenToSessions(arena, 'nothing'),
  service: publishToSessions,
};
