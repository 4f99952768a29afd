import { DEFAULT_ROUTES, type RouteEntry } from '../../../../sidecar/routes/route';
import type { Arena } from '../arena';
import type { Attack } from '../attack';
import { commandFrame } from '../commands';

/** The built-in routes, with all that a document's people may be told. */
const ROUTES: readonly RouteEntry[] = DEFAULT_ROUTES.map((route) =>
  route.messages === 'relay' ? { ...route, presence: true, peers: true, locks: true } : route,
);

/** Who comes and goes at a time. */
const AT_ONCE = 10;
const USERS = 50;
/** Those who stay, and are told of each who comes and goes. */
const STAYING = 20;
/** Every other one comes to a document of its own, and so is the first and the last listener there. */
const CROWDED = '/ws/collaboration/crowd';

export const gatherings: Attack = {
  name: 'gatherings',
  does: 'joins and leaves documents that tell of presence, peers and locks, as often as the gatekeeper lets a tenant',
  routes: ROUTES,
  clients: async (arena) => {
    let visits = 0;
    const keepVisiting = async (): Promise<void> => {
      while (!arena.isOver()) await visit(arena, (visits += 1));
    };
    const stay = (user: number): Promise<void> =>
      arena.keepIn({ path: CROWDED, user, subprotocol: true }, (foe) => foe.ended());
    await Promise.all([
      ...Array.from({ length: STAYING }, (_, number) => stay(number)),
      ...Array.from({ length: AT_ONCE }, keepVisiting),
    ]);
  },
};

async function visit(arena: Arena, number: number): Promise<void> {
  const path = number % 2 === 0 ? CROWDED : `/ws/collaboration/lonely${number}`;
  const foe = await arena.enter({ path, user: number % USERS, subprotocol: true });
  foe?.leave();
}

/** The sockets of one user, as many as it may have, and the documents that they are at. */
const SOCKETS = 100;
const DOCUMENTS = 10;

export const lockLoops: Attack = {
  name: 'lock-loops',
  does: '100 sockets of one user at 10 documents lock and unlock a name of their own each, again and again',
  routes: ROUTES,
  clients: async (arena) => {
    const places = Array.from({ length: SOCKETS }, (_, number) => number);
    await Promise.all(
      places.map((number) => {
        const messages = ['lock', 'unlock'].map((kind) =>
          commandFrame(`{"type":"bridge.${kind}","data":{"name":"n${number}"}}`),
        );
        const [longest = 0] = messages.map(({ length }) => length).sort((a, b) => b - a);
        const { perSecond, burst } = arena.limits.messages('command', longest, {
          sockets: SOCKETS,
          users: 1,
        });
        // Both in one write.
        const rate = { perSecond: perSecond / messages.length, burst: burst / messages.length };
        const path = `/ws/collaboration/locked${number % DOCUMENTS}`;
        return arena.keepSending({ path, user: 0, subprotocol: true }, rate, Buffer.concat(messages));
      }),
    );
  },
};
