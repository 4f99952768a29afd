import { canonicalPath } from '../../protocol/path';
import {
  canCrossOwners,
  isShared,
  parseChannelTemplate,
  placeholders,
  type ChannelTemplate,
  type ChannelValues,
} from './channel-template';
import { HEALTH_PATH } from '../http/health-check';

/** What a route does with messages from the client. */
export type MessagePolicy =
  /** Adds them to the command stream. */
  | 'commands'
  /** Answers each with a READ_ONLY error frame. */
  | 'refuse'
  /** Publishes them to every other peer of the route's one channel. */
  | 'relay';

/** What happens to a client that does not take its frames, once too much waits for it. */
export type SlowConsumerPolicy =
  /** It is closed with 4408, and comes back to resume. */
  | 'close'
  /** What it was not sent yet is left out for the newest frame: for routes whose every frame says all. */
  | 'latest';

/** A route as an operator writes it. */
export interface RouteEntry {
  /** Its name in logs and metrics. */
  readonly name: string;
  /** The path, with `{param}` for a whole segment: `/ws/bi/dashboards/{id}`. */
  readonly path: string;
  /** Redis channels, with {tenant}, {user}, {session} and the path's parameters. */
  readonly channels: readonly string[];
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
  /** Largest message from a client, in bytes; that of the setting for `messages` by default. */
  readonly maxMessageBytes?: number | undefined;
  /** Whether it may have channels that no tenant and no session owns: every tenant's users hear them. Not, by default. */
  readonly shared?: boolean | undefined;
}

/** The routes served unless an operator's file says otherwise. */
export const DEFAULT_ROUTES: readonly RouteEntry[] = [
  {
    name: 'ai-chat',
    path: '/ws/ai/chat',
    channels: ['ai:stream:{session}'],
    messages: 'commands',
    session: true,
  },
  {
    name: 'dashboard',
    path: '/ws/bi/dashboards/{id}',
    channels: ['{tenant}:dashboard:refresh:{id}'],
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
  },
];

/** A route ready to match. */
export interface Route {
  readonly name: string;
  readonly segments: readonly PathSegment[];
  readonly channels: readonly ChannelTemplate[];
  readonly messages: MessagePolicy;
  readonly session: boolean;
  readonly slowConsumer: SlowConsumerPolicy;
  readonly echoAfterMs: number;
  /** Set where it has its own: the largest message from a client, in bytes. */
  readonly maxMessageBytes: number | undefined;
  /** Of {@link channels} those that every tenant's users hear. */
  readonly sharedChannels: readonly string[];
}

type PathSegment = { readonly literal: string } | { readonly param: string };

/** A table that cannot be served. The message names the entry and what was expected. */
export class RouteError extends Error {
  override readonly name = 'RouteError';
  readonly code = 'ERR_ROUTE_INVALID';
}

const PATH_PARAM = /^\{([A-Za-z][A-Za-z0-9_]*)\}$/;
// RFC 3986 §3.3: what a path segment may hold without percent-encoding.
const PATH_LITERAL = /^[A-Za-z0-9._~!$&'()*+,;=:@-]+$/;
/** What the names of the bridge's own channels begin with. */
const OWN_CHANNELS = 'ws';
const OWN_PLACEHOLDERS = ['tenant', 'user', 'session'];

/**
 * Compiles a table once.
 * @throws RouteError for the first entry that cannot be served, or whose channels could carry one tenant's
 *   messages to another
 */
export function compileRoutes(entries: readonly RouteEntry[]): readonly Route[] {
  const names = new Set<string>();
  const routes = entries.map((entry) => {
    if (names.has(entry.name)) throw fault(entry, 'expected a name of its own');
    names.add(entry.name);
    return compileRoute(entry);
  });
  refuseCrossing(routes);
  return Object.freeze(routes);
}

function compileRoute(entry: RouteEntry): Route {
  if (entry.path === HEALTH_PATH)
    throw fault(entry, `expected another path: ${HEALTH_PATH} is the bridge's own`);
  const segments = compilePath(entry);
  const params = segments.flatMap((segment) => ('param' in segment ? [segment.param] : []));
  if (new Set(params).size < params.length) throw fault(entry, 'expected each path parameter once');
  if (params.some((param) => OWN_PLACEHOLDERS.includes(param))) {
    throw fault(entry, 'expected path parameters other than {tenant}, {user} and {session}');
  }
  if (entry.channels.length === 0) throw fault(entry, 'expected at least one channel');
  if (entry.messages === 'commands' && !entry.session) {
    throw fault(entry, 'expected "session": true, because commands name the session that is answered');
  }
  if (entry.messages === 'relay' && entry.channels.length !== 1) {
    throw fault(entry, 'expected exactly one channel, because messages are relayed to it');
  }
  const known = new Set(['tenant', 'user', ...params, ...(entry.session ? ['session'] : [])]);
  const channels = entry.channels.map((text) => compileChannel(entry, text, known));
  const { name, messages, session, slowConsumer = 'close', echoAfterSeconds = 0, maxMessageBytes } = entry;
  if (echoAfterSeconds > 0 && messages !== 'relay') {
    throw fault(entry, 'expected "echoAfterSeconds" only beside "messages": "relay"');
  }
  const sharedChannels = channels.filter(isShared).map(({ text }) => text);
  const echoAfterMs = echoAfterSeconds * 1000;
  const policies = { messages, session, slowConsumer, echoAfterMs, maxMessageBytes };
  return Object.freeze({ name, segments, channels, sharedChannels, ...policies });
}

function compilePath(entry: RouteEntry): readonly PathSegment[] {
  const [root, ...rest] = entry.path.split('/');
  const segments = rest.map((segment): PathSegment | undefined => {
    const param = PATH_PARAM.exec(segment)?.[1];
    if (param !== undefined) return { param };
    return PATH_LITERAL.test(segment) ? { literal: segment } : undefined;
  });
  if (root !== '' || !segments.every((segment) => segment !== undefined)) {
    throw fault(entry, `expected a path of literal segments and {param}s, got "${entry.path}"`);
  }
  return segments;
}

function compileChannel(entry: RouteEntry, text: string, known: ReadonlySet<string>): ChannelTemplate {
  const template = parseChannelTemplate(text);
  if (template === undefined) {
    throw fault(entry, `expected each {placeholder} to fill a place between colons in channel "${text}"`);
  }
  const names = placeholders(template);
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) {
    const expected = [...known].map((name) => `{${name}}`).join(', ');
    throw fault(entry, `expected only ${expected} in channel "${text}", got {${unknown}}`);
  }
  if (!isShared(template)) return template;
  if (entry.shared !== true) {
    throw fault(
      entry,
      `expected {tenant} or {session} in channel "${text}", so that no tenant hears another's, or "shared": true, ` +
        "which lets every tenant's users hear it",
    );
  }
  const [first] = template.segments;
  if (first === undefined || !('literal' in first) || first.literal === OWN_CHANNELS) {
    throw fault(
      entry,
      `expected shared channel "${text}" to begin with a word, other than "${OWN_CHANNELS}", so that it is none of the bridge's own`,
    );
  }
  return template;
}

function refuseCrossing(routes: readonly Route[]): void {
  const templates = routes.flatMap((route) => route.channels);
  for (const [index, a] of templates.entries()) {
    const b = templates.slice(index + 1).find((other) => canCrossOwners(a, other));
    if (b === undefined) continue;
    throw new RouteError(
      `channels "${a.text}" and "${b.text}": expected names that cannot be the same for two owners`,
    );
  }
}

function fault(entry: RouteEntry, expected: string): RouteError {
  return new RouteError(`route "${entry.name}": ${expected}`);
}

/** Bytes of UTF-8 in one path parameter, at most. */
export const MAX_PARAM_BYTES = 256;

/** What a path leads to. */
export type RouteMatch =
  | {
      readonly kind: 'route';
      readonly route: Route;
      readonly params: ChannelValues;
      /** The path in its one spelling. */
      readonly path: string;
    }
  | { readonly kind: 'unknown' }
  /** A parameter is not percent-encoded UTF-8. */
  | { readonly kind: 'malformed' };

/**
 * Finds the first route that a path (with no query) leads to, read as the gatekeeper reads it. Parameters are
 * percent-decoded once; an empty one or one of more than {@link MAX_PARAM_BYTES} leads nowhere.
 */
export function matchRoute(routes: readonly Route[], path: string): RouteMatch {
  const spelt = canonicalPath(path);
  const [root, ...given] = spelt.split('/');
  if (root !== '') return { kind: 'unknown' };
  for (const route of routes) {
    const raw = rawParams(route, given);
    if (raw === undefined) continue;
    return decodeParams(route, raw, spelt);
  }
  return { kind: 'unknown' };
}

function rawParams(route: Route, given: readonly string[]): readonly [string, string][] | undefined {
  if (given.length !== route.segments.length) return undefined;
  const literalsFit = route.segments.every(
    (segment, index) => !('literal' in segment) || segment.literal === given[index],
  );
  if (!literalsFit) return undefined;
  return route.segments.flatMap((segment, index): [string, string][] =>
    'param' in segment ? [[segment.param, given[index] ?? '']] : [],
  );
}

function decodeParams(route: Route, raw: readonly (readonly [string, string])[], path: string): RouteMatch {
  const params: Record<string, string> = {};
  for (const [name, text] of raw) {
    const value = percentDecode(text);
    if (value === undefined) return { kind: 'malformed' };
    if (value === '' || Buffer.byteLength(value) > MAX_PARAM_BYTES) return { kind: 'unknown' };
    params[name] = value;
  }
  return { kind: 'route', route, params, path };
}

function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
