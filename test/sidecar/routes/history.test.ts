import { compileRoutes, RouteError } from '../../../sidecar/routes/compile';
import { parseRoutes } from '../../../sidecar/routes/file';
import { refuseHistoriesFor } from '../../../sidecar/routes/histories';
import { DEFAULT_ROUTES, type RouteEntry } from '../../../sidecar/routes/route';
import { RedisNames } from '../../../sidecar/redis/names';

const BOUNDS = { frames: 10, bytes: 1000, seconds: 60 };

function entry(change: Partial<RouteEntry>, key = '{tenant}:h:{id}'): RouteEntry {
  return {
    name: 'r',
    path: '/r/{id}',
    channels: ['{tenant}:r:{id}'],
    history: { key, ...BOUNDS },
    messages: 'refuse',
    session: false,
    ...change,
  };
}

const chat = (channel: string, key: string): RouteEntry =>
  entry({ path: '/chat', channels: [channel], session: true }, key);

describe("the history of a route's channel", () => {
  it('is that of no built-in route', () => {
    expect(compileRoutes(DEFAULT_ROUTES).map(({ history }) => history)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('has a key behind the prefix, escaped as its channel is', () => {
    const [route] = compileRoutes([entry({})]);
    if (route?.history === undefined) throw new Error('expected a history');
    expect(route.history).toMatchObject({ frames: 10, bytes: 1000, keptMs: 60_000 });
    const values = { tenant: 'a:b', id: 'x/y' };
    expect(new RedisNames('staging:').history(route.history.key, values)).toBe('staging:a%3Ab:h:x%2Fy');
  });

  it('has bounds of its own where the file names none', () => {
    const file = { routes: [{ ...entry({}), history: { key: '{tenant}:h:{id}' } }] };
    const [route] = parseRoutes('routes.json', JSON.stringify(file));
    expect(route?.history).toMatchObject({ frames: 1000, bytes: 4_194_304, keptMs: 600_000 });
  });

  it.each<[string, RouteEntry, RegExp]>([
    ['is that of a relay', entry({ messages: 'relay' }), /no "history" beside "messages": "relay"/],
    [
      'is that of two channels',
      entry({ channels: ['{tenant}:a:{id}', '{tenant}:b:{id}'] }),
      /exactly one channel beside "history".* got 2/,
    ],
    ['has a key for several channels', entry({}, '{tenant}:h'), /the placeholders of "\{tenant\}:r:\{id\}"/],
    ['has a key of nobody', entry({}, 'h:{id}'), /expected \{tenant\} or \{session\} in key "h:\{id\}"/],
    ['has a key that is no template', entry({}, '{tenant}:h-{id}'), /fill a place between colons in key/],
  ])('is refused when it %s', (_, refused, message) => {
    expect(() => compileRoutes([refused])).toThrow(message);
    expect(() => compileRoutes([refused])).toThrow(RouteError);
  });

  it('is refused in the place of a state, of another channel, and of another owner', () => {
    const other = { name: 'o', path: '/o/{id}', channels: ['{tenant}:o:{id}'] };
    const state = { ...other, initial: '{tenant}:h:{id}', history: undefined };
    expect(() => compileRoutes([entry({}), entry(state)])).toThrow(/a state or a history, got both/);
    expect(() => compileRoutes([entry({}), entry(other)])).toThrow(/the history of one channel, got two/);
    const crossing = entry(other, 'x:{tenant}:{id}');
    expect(() => compileRoutes([entry({}, '{tenant}:y:{id}'), crossing])).toThrow(/the same for two owners/);
  });

  it.each([
    ['{tenant}:h:{doc}', '/o/{doc}', '{tenant}:o:{doc}'],
    ['{tenant}:h:all', '/o', '{tenant}:o:all'],
    ['{tenant}:h:{doc}', '/o/{doc}/{id}', '{tenant}:{doc}:r'],
  ])('is refused where its key can be %s, of another channel', (key, path, channel) => {
    const other = entry({ name: 'o', path, channels: [channel] }, key);
    expect(() => compileRoutes([entry({}), other])).toThrow(/the history of one channel, got two/);
  });

  it.each(['{tenant}:h:{doc}', '{tenant}:{doc}:x'])(
    'is refused where its key can be the state %s',
    (initial) => {
      const state = {
        name: 'o',
        path: '/o/{doc}',
        channels: ['{tenant}:o:{doc}'],
        initial,
        history: undefined,
      };
      expect(() => compileRoutes([entry({}), entry(state)])).toThrow(/a state or a history, got both/);
    },
  );

  it('may be named by two routes of one channel, whatever they call its parts', () => {
    expect(compileRoutes([entry({}), entry({ name: 'o', path: '/o/{id}' })])).toHaveLength(2);
    const other = entry({ name: 'o', path: '/o/{doc}', channels: ['{tenant}:r:{doc}'] }, '{tenant}:h:{doc}');
    const ofOne = entry({ name: 'a', path: '/a', channels: ['{tenant}:r:all'] }, '{tenant}:h:all');
    expect(compileRoutes([entry({}), other, ofOne])).toHaveLength(3);
  });

  it("is refused on a channel that peers' messages are relayed on", () => {
    const relay = { name: 'o', path: '/o/{id}', messages: 'relay', history: undefined } as const;
    expect(() => compileRoutes([entry({}), entry(relay)])).toThrow(/route "o" relays peers' messages there/);
    expect(compileRoutes([entry({}), entry({ ...relay, channels: ['{tenant}:doc:{id}'] })])).toHaveLength(2);
  });

  it('is refused where its key can be the stream of commands', () => {
    const routes = compileRoutes([chat('ai:stream:{session}', 'ai:{session}')]);
    const settings = { commandStream: 'ai:commands', isCluster: false };
    expect(() => {
      refuseHistoriesFor(routes, settings);
    }).toThrow(/a key that cannot be the stream of commands/);
    refuseHistoriesFor(routes, { ...settings, commandStream: 'ai:own:commands' });
  });

  it.each([
    ['ai:stream:{session}', 'ai:history:{session}', false],
    ['ai:stream:{{session}}', 'ai:history:{session}', false],
    ['{tenant}:{{session}}', '{{tenant}}:{session}', false],
    ['ai:stream:{{session}}', 'ai:history:{{session}}', true],
    ['{{tenant}}:s:{session}', 'h:{{tenant}}:{session}', true],
  ])('of %s in %s fits a cluster: %s', (channel, key, fits) => {
    const routes = compileRoutes([chat(channel, key)]);
    const judge = (isCluster: boolean) => () => {
      refuseHistoriesFor(routes, { commandStream: 'ai:commands', isCluster });
    };
    expect(judge(false)).not.toThrow();
    if (fits) expect(judge(true)).not.toThrow();
    else expect(judge(true)).toThrow(/expected one hash tag/);
  });
});
