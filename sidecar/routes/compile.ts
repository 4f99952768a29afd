import { quoted } from '../../protocol/quoted';
import {
  canCrossOwners,
  isShared,
  parseChannelTemplate,
  placeholders,
  type ChannelTemplate,
} from './channel-template';
import { paramNames, parsePathTemplate, type PathTemplate } from '../../protocol/path-template';
import { compileHistory, refuseMixedHistories } from './histories';
import type { RouteEntry, Route, RouteRing } from './route';
import { fault, RouteError } from './route-error';
import { HEALTH_PATH } from './health-path';

export { RouteError } from './route-error';

/** The beginning of the names of the bridge's own channels and keys. */
const OWN_NAMES = 'ws';
const OWN_PLACEHOLDERS = ['tenant', 'user', 'session'];

/**
 * Compiles a table once.
 * @throws RouteError for the first entry that cannot be served, or whose channels or keys could carry one
 *   tenant's messages to another
 */
export function compileRoutes(entries: readonly RouteEntry[]): readonly Route[] {
  const names = new Set<string>();
  const routes = entries.map((entry) => {
    if (names.has(entry.name))
      throw fault(entry, 'expected a name of its own, got that of a route before it');
    names.add(entry.name);
    return compileRoute(entry);
  });
  refuseCrossings(routes);
  refuseMixedHistories(routes);
  return Object.freeze(routes);
}

function compileRoute(entry: RouteEntry): Route {
  if (entry.path === HEALTH_PATH)
    throw fault(entry, `expected another path: ${HEALTH_PATH} is the bridge's own`);
  const template = compilePath(entry);
  const params = paramNames(template);
  const twice = params.find((param, index) => params.indexOf(param) < index);
  if (twice !== undefined) throw fault(entry, `expected each path parameter once, got {${twice}} twice`);
  const own = params.find((param) => OWN_PLACEHOLDERS.includes(param));
  if (own !== undefined) {
    throw fault(entry, `expected path parameters other than {tenant}, {user} and {session}, got {${own}}`);
  }
  if (entry.channels.length === 0) throw fault(entry, 'expected at least one channel, got none');
  if (entry.messages === 'commands' && !entry.session) {
    throw fault(entry, 'expected "session": true, because commands name the session that is answered');
  }
  if (entry.messages === 'relay' && entry.channels.length !== 1) {
    throw fault(
      entry,
      `expected exactly one channel, because messages are relayed to it, got ${entry.channels.length}`,
    );
  }
  const known = new Set(['tenant', 'user', ...params, ...(entry.session ? ['session'] : [])]);
  const channels = entry.channels.map((text) => compileName(entry, 'channel', text, known));
  const initial = compileInitial(entry, known);
  const history = compileHistory(entry, channels, (text) => compileName(entry, 'key', text, known));
  const { name, messages, session, slowConsumer = 'close', echoAfterSeconds = 0, maxMessageBytes } = entry;
  const { readersMayAsk } = entry;
  if (readersMayAsk !== undefined && messages !== 'relay') {
    throw fault(entry, `expected "readersMayAsk" only beside "messages": "relay", got "${messages}"`);
  }
  if (echoAfterSeconds > 0 && messages !== 'relay') {
    throw fault(entry, `expected "echoAfterSeconds" only beside "messages": "relay", got "${messages}"`);
  }
  const sharedChannels = [...channels, ...(initial ? [initial] : []), ...(history ? [history.key] : [])]
    .filter(isShared)
    .map(({ text }) => text);
  const presence = compilePresence(entry, channels);
  const peers = compileTogether(entry, 'peers', channels, "so that no tenant sees another's users");
  const locks = compileTogether(entry, 'locks', channels, "so that no tenant holds another's locks");
  const echoAfterMs = echoAfterSeconds * 1000;
  const ring = compileRing(entry);
  const policies = {
    ...{ messages, session, slowConsumer, ring, presence, peers, locks },
    ...{ echoAfterMs, readersMayAsk, maxMessageBytes },
  };
  return Object.freeze({ name, template, channels, initial, history, sharedChannels, ...policies });
}

function compilePresence(entry: RouteEntry, channels: readonly ChannelTemplate[]): boolean {
  if (entry.presence !== true) return false;
  if (channels.length !== 1) {
    throw fault(
      entry,
      `expected exactly one channel beside "presence", because its listeners are told of, got ${channels.length}`,
    );
  }
  if (channels.some(isShared)) {
    throw fault(
      entry,
      'expected {tenant} or {session} in the channel beside "presence", whose listeners are of one tenant',
    );
  }
  return true;
}

/** Compiles what is for the people at one document of one tenant. */
function compileTogether(
  entry: RouteEntry,
  member: 'peers' | 'locks',
  channels: readonly ChannelTemplate[],
  why: string,
): boolean {
  if (entry[member] !== true) return false;
  if (entry.messages !== 'relay') {
    throw fault(entry, `expected "${member}" only beside "messages": "relay", got "${entry.messages}"`);
  }
  if (channels.some(isShared)) {
    throw fault(entry, `expected {tenant} or {session} in the channel beside "${member}", ${why}`);
  }
  return true;
}

function compileRing({ ring: { frames, bytes, lingerSeconds } = {} }: RouteEntry): RouteRing {
  return Object.freeze({
    ...(frames === undefined ? {} : { maxItems: frames }),
    ...(bytes === undefined ? {} : { maxBytes: bytes }),
    ...(lingerSeconds === undefined ? {} : { lingerMs: lingerSeconds * 1000 }),
  });
}

function compilePath(entry: RouteEntry): PathTemplate {
  const template = parsePathTemplate(entry.path);
  if (template !== undefined) return template;
  throw fault(entry, `expected a path of literal segments and {param}s, got ${quoted(entry.path)}`);
}

function compileInitial(entry: RouteEntry, known: ReadonlySet<string>): ChannelTemplate | undefined {
  if (entry.initial === undefined) return undefined;
  if (entry.messages === 'relay') {
    throw fault(entry, 'expected no "initial" beside "messages": "relay", because no peer sets a state');
  }
  if (entry.channels.length !== 1) {
    throw fault(
      entry,
      `expected exactly one channel beside "initial", because its frames replace the state, got ${entry.channels.length}`,
    );
  }
  return compileName(entry, 'key', entry.initial, known);
}

/** Compiles the name of a channel, or of a key beside it: the same may be in both, and the same must. */
function compileName(
  entry: RouteEntry,
  kind: 'channel' | 'key',
  text: string,
  known: ReadonlySet<string>,
): ChannelTemplate {
  const template = parseChannelTemplate(text);
  if (template === undefined) {
    throw fault(
      entry,
      `expected each {placeholder} to fill a place between colons in ${kind} ${quoted(text)}`,
    );
  }
  const names = placeholders(template);
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) {
    const expected = [...known].map((name) => `{${name}}`).join(', ');
    throw fault(entry, `expected only ${expected} in ${kind} ${quoted(text)}, got {${unknown}}`);
  }
  if (isShared(template)) refuseUnlessShared(entry, kind, template);
  return template;
}

function refuseUnlessShared(
  entry: RouteEntry,
  kind: 'channel' | 'key',
  { text, segments: [first] }: ChannelTemplate,
): void {
  if (entry.shared !== true) {
    throw fault(
      entry,
      `expected {tenant} or {session} in ${kind} ${quoted(text)}, so that no tenant hears another's, or "shared": true, ` +
        "which lets every tenant's users hear it",
    );
  }
  if (first === undefined || !('literal' in first) || first.literal === OWN_NAMES) {
    throw fault(
      entry,
      `expected shared ${kind} ${quoted(text)} to begin with a word, other than "${OWN_NAMES}", so that it is none of the bridge's own`,
    );
  }
}

/** Channels and keys have names apart from each other. */
function refuseCrossings(routes: readonly Route[]): void {
  const channels = routes.flatMap((route) => route.channels);
  const keys = routes.flatMap(({ initial, history }) => [initial ?? [], history?.key ?? []].flat());
  refuseCrossing('channels', channels);
  refuseCrossing('keys', keys);
}

function refuseCrossing(kind: string, templates: readonly ChannelTemplate[]): void {
  for (const [index, a] of templates.entries()) {
    const b = templates.slice(index + 1).find((other) => canCrossOwners(a, other));
    if (b === undefined) continue;
    throw new RouteError(
      `${kind} "${a.text}" and "${b.text}": expected names that cannot be the same for two owners`,
    );
  }
}
