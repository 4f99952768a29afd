import { keySlot } from '../../redis/key-slot';
import {
  channelName,
  namePattern,
  placeholders,
  type ChannelTemplate,
  type ChannelValues,
} from './channel-template';
import type { Route, RouteEntry, RouteHistory } from './route';
import { fault, RouteError } from './route-error';

const MS_PER_SECOND = 1000;

/** A channel that has a history, and its history's key. */
interface NumberedChannel {
  readonly key: ChannelTemplate;
  readonly channel: ChannelTemplate;
}

/**
 * Compiles the history of a route.
 * @param channels of the route
 * @param compileKey compiles the name of a key of the route
 * @throws RouteError when the route has no one channel whose frames are numbered by services alone
 */
export function compileHistory(
  entry: RouteEntry,
  channels: readonly ChannelTemplate[],
  compileKey: (text: string) => ChannelTemplate,
): RouteHistory | undefined {
  if (entry.history === undefined) return undefined;
  if (entry.messages === 'relay') {
    throw fault(entry, 'expected no "history" beside "messages": "relay", because no peer adds to it');
  }
  const [channel, ...others] = channels;
  if (channel === undefined || others.length > 0) {
    throw fault(
      entry,
      `expected exactly one channel beside "history", because its frames are numbered, got ${channels.length}`,
    );
  }
  const { key: text, frames, bytes, seconds } = entry.history;
  const key = compileKey(text);
  if (namesOf(key) !== namesOf(channel)) {
    throw fault(
      entry,
      `expected the placeholders of "${channel.text}" in its history's key "${text}", so that each channel has one of its own`,
    );
  }
  return { key, frames, bytes, keptMs: seconds * MS_PER_SECOND };
}

/**
 * Refuses histories in which other frames than those of their channel would be numbered.
 * @throws RouteError
 */
export function refuseMixedHistories(routes: readonly Route[]): void {
  const states = routes.flatMap(({ initial }) => initial ?? []);
  const known: NumberedChannel[] = [];
  for (const {
    history,
    channels: [channel],
  } of routes) {
    if (history === undefined || channel === undefined) continue;
    const { key } = history;
    if (spellsOne(states, key))
      throw new RouteError(`key "${key.text}": expected a state or a history, got both`);
    const own = { key, channel };
    const mixed = known.find((other) => spellsOne([other.key], key) && !hasOneChannel(other, own));
    if (mixed !== undefined)
      throw new RouteError(
        `keys "${mixed.key.text}" and "${key.text}": expected the history of one channel, got two`,
      );
    known.push(own);
    const relay = routes.find((route) => route.messages === 'relay' && spellsOne(route.channels, channel));
    if (relay === undefined) continue;
    throw new RouteError(
      `channel "${channel.text}": expected no history, because route "${relay.name}" relays peers' messages there`,
    );
  }
}

/**
 * Refuses histories that Redis cannot keep as it is: in the place of another stream, or in a cluster in another slot than
 * their channels.
 * @param commandStream the stream of commands, without a prefix
 * @throws RouteError
 */
export function refuseHistoriesFor(
  routes: readonly Route[],
  { commandStream, isCluster }: { readonly commandStream: string; readonly isCluster: boolean },
): void {
  for (const {
    name,
    history,
    channels: [channel],
  } of routes) {
    if (history === undefined || channel === undefined) continue;
    const { key } = history;
    if (namePattern(key).test(commandStream)) {
      throw fault({ name }, `expected a key that cannot be the stream of commands, got "${key.text}"`);
    }
    if (isCluster && !sharesSlot(key, channel)) {
      throw fault(
        { name },
        `expected one hash tag in "${channel.text}" and "${key.text}", because a cluster publishes and appends in one slot`,
      );
    }
  }
}

function namesOf(template: ChannelTemplate): string {
  return [...new Set(placeholders(template))].sort().join();
}

/** Whether two histories have one channel where their keys are the same. */
function hasOneChannel(one: NumberedChannel, other: NumberedChannel): boolean {
  const ofOne = channelName(one.channel, valuesWhere(one.key, other.key));
  return ofOne === channelName(other.channel, valuesWhere(other.key, one.key));
}

/** The values of a template's placeholders where it has the same name as another one. */
function valuesWhere({ segments }: ChannelTemplate, other: ChannelTemplate): ChannelValues {
  const values = segments.flatMap((segment, index) => {
    if ('literal' in segment) return [];
    const there = other.segments[index];
    const value = there !== undefined && 'literal' in there ? there.literal : `?${index}`;
    return [[segment.placeholder, value] as const];
  });
  return Object.fromEntries(values);
}

/** Whether one of these can have the other one's name. */
function spellsOne(channels: readonly ChannelTemplate[], { segments }: ChannelTemplate): boolean {
  return channels.some(
    (other) =>
      other.segments.length === segments.length &&
      other.segments.every((segment, index) => {
        const own = segments[index];
        const isApart =
          own !== undefined && 'literal' in own && 'literal' in segment && own.literal !== segment.literal;
        return !isApart;
      }),
  );
}

/** Whether the two have one slot, whatever the values are: two lists of values tell. */
function sharesSlot(a: ChannelTemplate, b: ChannelTemplate): boolean {
  return ['one', 'other', 'third'].every((value) => {
    const values = Object.fromEntries(placeholders(a).map((name) => [name, `${value}-${name}`]));
    return keySlot(channelName(a, values)) === keySlot(channelName(b, values));
  });
}
