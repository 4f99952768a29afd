import type { Subject } from './publisher';

/** A place for a client: who it is, what it opens, and what it is to hear there. */
export interface Seat {
  readonly tenant: string;
  readonly user: string;
  readonly path: string;
  readonly channels: readonly string[];
  /** The client cannot tell when its token expires, and is told by 4401. */
  readonly opaqueToken: boolean;
  /** Frames come as an event stream, and messages are posted; not, by default. */
  readonly overHttp?: boolean;
}

/** The same seats, a third of which is behind something that breaks WebSockets. */
export function someOverHttp(seats: readonly Seat[]): readonly Seat[] {
  return seats.map((seat, index) => (index % 3 === 1 ? { ...seat, overHttp: true } : seat));
}

/** How rarely something comes for one user, against what comes for the whole tenant. */
const USER_RATE = 0.1;

/** Where clients send commands. */
const CHAT = '/ws/ai/chat';

/** Seats for so many clients, dealt to the tenants in turn: most get notifications, some a dashboard, a document, a chat. */
export function seatsFor(clients: number, tenants: number): readonly Seat[] {
  return Array.from({ length: clients }, (_, index) => {
    const [tenant, place] = [`t${index % tenants}`, Math.floor(index / tenants)];
    // Two clients to a user, as with two tabs: they share what the bridge keeps for those who come back.
    const user = `u${Math.floor(place / 2)}`;
    return { tenant, user, opaqueToken: place % 3 === 0, ...target(tenant, user, place) };
  });
}

/** The kinds of each ten places. The first ones are of every kind, so that a small run has them too. */
const KINDS = [
  'inbox',
  'inbox',
  'chat',
  'dashboard',
  'inbox',
  'document',
  'inbox',
  'inbox',
  'dashboard',
  'inbox',
] as const;

function target(tenant: string, user: string, place: number): Pick<Seat, 'path' | 'channels'> {
  switch (KINDS[place % KINDS.length]) {
    case 'chat': {
      const session = `${tenant}-${place}`;
      return { path: `${CHAT}?session=${session}`, channels: [`ai:stream:${session}`] };
    }
    case 'dashboard':
      return { path: '/ws/bi/dashboards/sales', channels: [`${tenant}:dashboard:refresh:sales`] };
    case 'document':
      return { path: '/ws/collaboration/plan', channels: [`${tenant}:collaboration:plan`] };
    default:
      return {
        path: '/ws/notifications',
        channels: [`${tenant}:notifications`, `${tenant}:notifications:${user}`],
      };
  }
}

/** Whether whoever sits there sends commands. */
export function sendsCommands({ path }: Seat): boolean {
  return path.startsWith(CHAT);
}

/** Every channel that somebody is to hear. */
export function subjectsOf(seats: readonly Seat[], rate: number): readonly Subject[] {
  const channels = new Set(seats.flatMap((seat) => seat.channels));
  const isUsers = (channel: string): boolean => channel.includes(':notifications:');
  return [...channels].map((channel) => ({ channel, rate: isUsers(channel) ? rate * USER_RATE : rate }));
}
