import type { PathTemplate } from '../../protocol/path-template';
import type { ChannelTemplate } from './channel-template';

/** A route's policy for messages from the client. */
export type MessagePolicy =
  /** Adds them to the command stream. */
  | 'commands'
  /** Answers each with a READ_ONLY error frame. */
  | 'refuse'
  /** Publishes them to every other peer of the route's one channel. */
  | 'relay';

/** A route's policy for a client that does not take its frames, once too much waits for it. */
export type SlowConsumerPolicy =
  /** It is closed with 4408, and comes back to resume. */
  | 'close'
  /** Frames that it was not sent yet are dropped for the newest: for routes whose every frame says all. */
  | 'latest';

/** Messages that ask for something and change nothing: `yjs` is y-protocols' sync step 1. */
export type ReaderQuestions = 'yjs';
/** A history as an operator writes it: where it is, and how much of it is kept. */
export interface HistoryEntry {
  /** A Redis key, with the placeholders of its channel. */
  readonly key: string;
  readonly frames: number;
  readonly bytes: number;
  /** After its last frame, or its last client. */
  readonly seconds: number;
}

/** A route as an operator writes it. */
export interface RouteEntry {
  /** Its name in logs and metrics. */
  readonly name: string;
  /** The path, with `{param}` for a whole segment: `/ws/bi/dashboards/{id}`. */
  readonly path: string;
  /** Redis channels, with {tenant}, {user}, {session} and the path's parameters. */
  readonly channels: readonly string[];
  /** The Redis key with the newest frame of its one channel, which a client gets first; with the placeholders of channels. */
  readonly initial?: string | undefined;
  /** The history of its one channel, which services keep. */
  readonly history?: HistoryEntry | undefined;
  readonly messages: MessagePolicy;
  /** Whether `?session=` names a session that has one owner. */
  readonly session: boolean;
  /** `close` by default. */
  readonly slowConsumer?: SlowConsumerPolicy | undefined;
  /**
   * On a route that relays: a plain client that was sent nothing for so many seconds gets its own next message back.
   * 0, the default, for never.
   */
  readonly echoAfterSeconds?: number | undefined;
  /** On a route that relays: the questions of readers that are relayed all the same; none by default. */
  readonly readersMayAsk?: ReaderQuestions | undefined;
  /** Largest message from a client, in bytes; that of the setting for `messages` by default. */
  readonly maxMessageBytes?: number | undefined;
  /** How much its replay logs keep; each member is the setting's by default. */
  readonly ring?: RingEntry | undefined;
  /** Whether services are told which of its sessions, documents or dashboards have listeners. Not, by default. */
  readonly presence?: boolean | undefined;
  /** On a route that relays: whether clients of bridge.v1 are told who else is there. Not, by default. */
  readonly peers?: boolean | undefined;
  /** On a route that relays: whether clients of bridge.v1 may lock names of its documents. Not, by default. */
  readonly locks?: boolean | undefined;
  /** Whether it may have channels that no tenant and no session owns: every tenant's users get their messages. Not, by default. */
  readonly shared?: boolean | undefined;
}

/** How much a route's replay logs keep for clients of bridge.v1 that come back, as an operator writes it. */
export interface RingEntry {
  /** Frames in each, at most. */
  readonly frames?: number | undefined;
  /** Bytes of them, at most. */
  readonly bytes?: number | undefined;
  /** How long each is kept after its last client left. */
  readonly lingerSeconds?: number | undefined;
}

/** The routes served unless an operator's file says otherwise. */
export const DEFAULT_ROUTES: readonly RouteEntry[] = [
  {
    name: 'ai-chat',
    path: '/ws/ai/chat',
    channels: ['ai:stream:{session}'],
    messages: 'commands',
    session: true,
    // An answer that streams is there again after a page was loaded again. A token is a frame of 60 bytes.
    ring: { frames: 131_072, bytes: 4_194_304, lingerSeconds: 600 },
  },
  {
    name: 'dashboard',
    path: '/ws/bi/dashboards/{id}',
    channels: ['{tenant}:dashboard:refresh:{id}'],
    initial: '{tenant}:dashboard:state:{id}',
    messages: 'refuse',
    session: false,
    slowConsumer: 'latest',
  },
  {
    name: 'notifications',
    path: '/ws/notifications',
    channels: ['{tenant}:notifications', '{tenant}:notifications:{user}'],
    messages: 'refuse',
    session: false,
  },
  {
    name: 'collaboration',
    path: '/ws/collaboration/{id}',
    channels: ['{tenant}:collaboration:{id}'],
    messages: 'relay',
    session: false,
    // y-websocket takes 30 seconds without a message for a dead connection, and renews its awareness every 15.
    echoAfterSeconds: 10,
    // No bridge keeps a document: who may not ask the peers for it never sees it.
    readersMayAsk: 'yjs',
  },
];

/** A route ready to match. */
export interface Route {
  readonly name: string;
  readonly template: PathTemplate;
  readonly channels: readonly ChannelTemplate[];
  /** The key of the state of its one channel. */
  readonly initial: ChannelTemplate | undefined;
  /** The history of its one channel. */
  readonly history: RouteHistory | undefined;
  readonly messages: MessagePolicy;
  readonly session: boolean;
  readonly slowConsumer: SlowConsumerPolicy;
  readonly ring: RouteRing;
  readonly presence: boolean;
  readonly peers: boolean;
  readonly locks: boolean;
  readonly echoAfterMs: number;
  readonly readersMayAsk: ReaderQuestions | undefined;
  /** Set where it has its own: the largest message from a client, in bytes. */
  readonly maxMessageBytes: number | undefined;
  /** Those of {@link channels}, and of their keys, whose messages every tenant's users get. */
  readonly sharedChannels: readonly string[];
}

/** Those bounds of its replay logs that a route has of its own. */
export interface RouteRing {
  readonly maxItems?: number;
  readonly maxBytes?: number;
  readonly lingerMs?: number;
}

/** The history of a route's one channel. */
export interface RouteHistory {
  readonly key: ChannelTemplate;
  /** So many of its latest frames are read at most. */
  readonly frames: number;
  /** And so many bytes of them. */
  readonly bytes: number;
  /** How long it is kept after its last frame, or its last client, in milliseconds. */
  readonly keptMs: number;
}
