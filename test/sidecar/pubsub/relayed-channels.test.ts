import { RedisNames } from '../../../sidecar/redis/names';
import { relayedChannels } from '../../../sidecar/pubsub/relayed-channels';
import { DEFAULT_ROUTES, type RouteEntry } from '../../../sidecar/routes/route';
import { compileRoutes } from '../../../sidecar/routes/compile';

const NAMES = new RedisNames('');

function relayOn(...channels: readonly string[]): readonly RouteEntry[] {
  return channels.map((channel, index) => ({
    name: `r${index}`,
    path: `/r${index}/{id}`,
    channels: [channel],
    messages: 'relay',
    session: false,
  }));
}

describe('the channels that clients’ messages are relayed on', () => {
  it('are those of the routes that relay', () => {
    const isRelayed = relayedChannels(compileRoutes(DEFAULT_ROUTES), NAMES);
    const channels = [
      ...['acme:collaboration:plan', '%61:collaboration:a%3Ab', 'ai:stream:s', 'acme:notifications'],
      ...['acme:collaboration:plan:x', 'acme:dashboard:refresh:1', 'ws:control'],
    ];
    expect(channels.filter((channel) => isRelayed?.(channel))).toEqual(channels.slice(0, 2));
  });

  it('are none when no route relays', () => {
    const routes = compileRoutes(DEFAULT_ROUTES.filter(({ messages }) => messages !== 'relay'));
    expect(relayedChannels(routes, NAMES)).toBeUndefined();
  });

  it('are told by what stands behind the prefix, in which a dot is a dot', () => {
    const routes = compileRoutes(relayOn('{tenant}:v1.2:{id}'));
    const isRelayed = relayedChannels(routes, new RedisNames('staging:'));
    const channels = ['staging:acme:v1.2:x', 'staging:acme:v1x2:x', 'staging:v1.2:x'];
    expect(channels.map((channel) => isRelayed?.(channel))).toEqual([true, false, false]);
  });

  it('have their hash tags in braces', () => {
    const isRelayed = relayedChannels(compileRoutes(relayOn('{{tenant}}:plan:{id}')), NAMES);
    expect(['{acme}:plan:x', 'acme:plan:x'].map((channel) => isRelayed?.(channel))).toEqual([true, false]);
  });
});
