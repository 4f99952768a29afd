import { channelName } from '../../../sidecar/routes/channel-template';
import { compileRoutes, RouteError } from '../../../sidecar/routes/compile';
import { DEFAULT_ROUTES, type RouteEntry } from '../../../sidecar/routes/route';
import { parseRoutes } from '../../../sidecar/routes/file';
import { RedisNames } from '../../../sidecar/redis/names';

function entry(change: Partial<RouteEntry>): RouteEntry {
  return {
    name: 'r',
    path: '/r/{id}',
    channels: ['{tenant}:r:{id}'],
    initial: '{tenant}:s:{id}',
    messages: 'refuse',
    session: false,
    ...change,
  };
}

describe("the key of a channel's state", () => {
  it('is that of dashboards in the built-in table, escaped as a channel is, behind the prefix', () => {
    const route = compileRoutes(DEFAULT_ROUTES).find(({ name }) => name === 'dashboard');
    if (route?.initial === undefined) throw new Error('expected a key');
    const values = { tenant: 'a:b', user: 'u', id: 'x/y' };
    expect(channelName(route.initial, values)).toBe('a%3Ab:dashboard:state:x%2Fy');
    expect(new RedisNames('staging:').state(route.initial, values)).toBe(
      'staging:a%3Ab:dashboard:state:x%2Fy',
    );
  });

  it('may be a hash tag with its channel, and may name a session in place of a tenant', () => {
    const tagged = entry({ channels: ['{{tenant}}:r:{id}'], initial: '{{tenant}}:s:{id}' });
    const own = entry({
      name: 'own',
      path: '/o',
      channels: ['o:{session}'],
      initial: 'os:{session}',
      session: true,
    });
    expect(compileRoutes([tagged, own]).map(({ initial }) => initial?.text)).toEqual([
      '{{tenant}}:s:{id}',
      'os:{session}',
    ]);
  });

  it.each<[string, Partial<RouteEntry>, RegExp]>([
    ['names no owner', { initial: 'all:{id}' }, /expected \{tenant\} or \{session\} in key "all:\{id\}"/],
    [
      'has a placeholder within a segment',
      { initial: '{tenant}:s-{id}' },
      /fill a place between colons in key/,
    ],
    [
      'has an unknown placeholder',
      { initial: '{tenant}:{other}' },
      /in key "\{tenant\}:\{other\}", got \{other\}/,
    ],
    ['is that of a relay', { messages: 'relay' }, /no "initial" beside "messages": "relay"/],
    [
      'is that of two channels',
      { channels: ['{tenant}:a', '{tenant}:b'] },
      /exactly one channel beside "initial"/,
    ],
    [
      'is shared and no word of its own',
      { initial: 'ws:{id}', shared: true },
      /shared key "ws:\{id\}" to begin with a word/,
    ],
  ])('is refused with its table when it %s', (_, change, message) => {
    expect(() => compileRoutes([entry(change)])).toThrow(message);
    expect(() => compileRoutes([entry(change)])).toThrow(RouteError);
  });

  it('is refused when it could be that of another owner, and not when a channel has its name', () => {
    const other = { name: 'o', path: '/o/{id}', channels: ['{tenant}:o:{id}'] };
    const crossing = [entry({ initial: '{tenant}:s:{id}' }), entry({ ...other, initial: 'x:{tenant}:{id}' })];
    expect(() => compileRoutes(crossing)).toThrow(/keys .* cannot be the same for two owners/);
    expect(
      compileRoutes([entry({ initial: '{tenant}:o:{id}' }), entry({ ...other, initial: undefined })]),
    ).toHaveLength(2);
  });

  it('is told of as shared where every tenant may read it', () => {
    const [route] = compileRoutes([entry({ initial: 'all:{id}', shared: true })]);
    expect(route?.sharedChannels).toEqual(['all:{id}']);
  });

  it("of an operator's file is refused when it is no text", () => {
    const file = JSON.stringify({ routes: [{ ...entry({}), initial: 7 }] });
    expect(() => parseRoutes('routes.json', file)).toThrow('routes.0.initial');
  });

  it.each([
    ['ai', 'session', 'x', true],
    ['ws', 'handover', 'x', true],
    ['ws', 'conn', 'x', true],
    ['ws', 'return', 'x', true],
    ['ws', 'dashboard', 'x', false],
    ['ai', 'sessions', 'x', false],
  ])("%s:%s:%s is the bridges' own: %s", (...args) => {
    const [tenant, kind, id, own] = args;
    for (const prefix of ['', 'staging:']) {
      expect(new RedisNames(prefix).isOwnKey(`${prefix}${tenant}:${kind}:${id}`)).toBe(own);
    }
  });
});
