import fc from 'fast-check';
import { channelName, type ChannelValues } from '../../../sidecar/routes/channel-template';
import { DEFAULT_ROUTES, type RouteEntry } from '../../../sidecar/routes/route';
import { parseRoutes } from '../../../sidecar/routes/file';
import { compileRoutes, RouteError } from '../../../sidecar/routes/compile';
import { matchRoute } from '../../../sidecar/routes/match';

const ROUTES = compileRoutes(DEFAULT_ROUTES);

function entry(change: Partial<RouteEntry>): RouteEntry {
  const { name = 'r', path = '/r/{id}', channels = ['{tenant}:r:{id}'], ...rest } = change;
  return { name, path, channels, messages: 'refuse', session: false, ...rest };
}

describe('the route table', () => {
  it.each([
    ['/ws/ai/chat', 'ai-chat', {}],
    ['/ws/bi/dashboards/d1', 'dashboard', { id: 'd1' }],
    ['/ws/notifications', 'notifications', {}],
    ['/ws/collaboration/doc%2F1', 'collaboration', { id: 'doc/1' }],
    ['/ws/collaboration/%25', 'collaboration', { id: '%' }],
    ['/ws/collaboration/%F0%9F%98%80', 'collaboration', { id: '😀' }],
  ])('leads %s to %s, its parameter decoded once', (path, name, params) => {
    expect(matchRoute(ROUTES, path)).toMatchObject({ kind: 'route', route: { name }, params });
  });

  it.each([
    '',
    '/',
    'ws/notifications',
    '/ws/notifications/',
    '/WS/notifications',
    '/ws/bi/dashboards/',
    '/ws/bi/dashboards/a/b',
    '/ws/ai/chat/x',
    `/ws/collaboration/${'x'.repeat(257)}`,
    'http://host/ws/notifications',
  ])('leads %j nowhere', (path) => {
    expect(matchRoute(ROUTES, path)).toEqual({ kind: 'unknown' });
  });

  it.each(['%', '%f', '%zz', '%FF', '%C3%28', '%ED%A0%80'])('finds a parameter %s malformed', (id) => {
    expect(matchRoute(ROUTES, `/ws/collaboration/${id}`)).toEqual({ kind: 'malformed' });
  });

  it('names channels as PROTOCOL.md §2 says', () => {
    const values = { tenant: 'a:b', user: 'ü', session: 's1', id: '*' };
    expect(ROUTES.flatMap((route) => route.channels).map((t) => channelName(t, values))).toEqual([
      'ai:stream:s1',
      'a%3Ab:dashboard:refresh:%2A',
      'a%3Ab:notifications',
      'a%3Ab:notifications:%C3%BC',
      'a%3Ab:collaboration:%2A',
    ]);
  });

  it('never gives two different owners one channel', () => {
    const nasty = fc.oneof(
      fc.constantFrom('ai', 'stream', 'notifications', 'a:b', '%3A', '{tenant}', '*', ':', 's1'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }).filter((text) => text.isWellFormed()),
    );
    const values = fc.record({
      tenant: nasty,
      user: nasty,
      id: nasty,
      session: fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/),
    });
    fc.assert(
      fc.property(values, values, (a, b) => {
        for (const [name, values] of channelsOf(a)) {
          const other = channelsOf(b).get(name);
          // One name, one list of values: all that a template makes a channel of.
          if (other !== undefined) expect(other).toEqual(values);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function channelsOf(values: ChannelValues): Map<string, readonly (string | undefined)[]> {
  return new Map(
    ROUTES.flatMap((route) => route.channels).map((template) => [
      channelName(template, values),
      template.segments.map((s) => ('placeholder' in s ? values[s.placeholder] : s.literal)),
    ]),
  );
}

describe('a table that cannot be served', () => {
  it.each<[string, Partial<RouteEntry>, RegExp]>([
    ['no leading slash', { path: 'r/{id}' }, /expected a path of .*, got "r\/\{id\}"$/],
    ['a parameter within a segment', { path: '/r-{id}' }, /expected a path of .*, got "\/r-\{id\}"$/],
    ['a parameter twice', { path: '/{id}/{id}' }, /each path parameter once, got \{id\} twice$/],
    ['a tenant from the path', { path: '/r/{tenant}' }, /other than \{tenant\}.*, got \{tenant\}$/],
    ['no channels', { channels: [] }, /at least one channel, got none$/],
    ['a placeholder within a segment', { channels: ['{tenant}:x-{id}'] }, /fill a place between colons/],
    ['two placeholders without a colon', { channels: ['{tenant}{id}'] }, /fill a place between colons/],
    ['an unknown placeholder', { channels: ['{tenant}:{other}'] }, /got \{other\}/],
    ['a session without sessions', { channels: ['x:{session}'] }, /got \{session\}/],
    ['a channel of no tenant', { channels: ['all:{id}'] }, /expected \{tenant\} or \{session\}/],
    ['commands without a session', { messages: 'commands' }, /expected "session": true/],
    [
      'a relay to two channels',
      { messages: 'relay', channels: ['{tenant}:a', '{tenant}:b'] },
      /exactly one .*, got 2$/,
    ],
  ])('is refused for %s', (_, change, message) => {
    expect(() => compileRoutes([entry(change)])).toThrow(message);
    expect(() => compileRoutes([entry(change)])).toThrow(RouteError);
  });

  it('is refused when two entries have one name', () => {
    expect(() => compileRoutes([entry({}), entry({})])).toThrow(/name of its own/);
  });

  it('is refused when it claims the path that balancers ask for the health', () => {
    expect(() => compileRoutes([entry({ path: '/healthz' })])).toThrow(/another path: \/healthz is/);
  });

  it.each([
    ['another tenant', '{tenant}:stream:{id}', 'ai:stream:{session}'],
    ['another tenant in another place', '{tenant}:{id}:x', 'x:{tenant}:{id}'],
    ['another user', '{tenant}:notifications:{id}', '{tenant}:notifications:{user}'],
  ])('is refused when a channel could reach %s', (_, a, b) => {
    const table = [entry({ name: 'a', channels: [a] }), entry({ name: 'b', channels: [b], session: true })];
    expect(() => compileRoutes(table)).toThrow(/cannot be the same for two owners/);
  });
});

describe("an operator's routes file", () => {
  it('replaces the table', () => {
    const file = { routes: [entry({ name: 'jobs', path: '/jobs/{id}', channels: ['{tenant}:jobs:{id}'] })] };
    const routes = parseRoutes('routes.json', JSON.stringify(file));
    expect(matchRoute(routes, '/jobs/7')).toMatchObject({ kind: 'route', params: { id: '7' } });
    expect(matchRoute(routes, '/ws/notifications')).toEqual({ kind: 'unknown' });
  });

  it.each([
    ['{', 'routes.json: expected JSON'],
    ['[]', 'routes.json:\n  the file: '],
    [
      '{"routes":[{"name":"a b","path":"/a","channels":["x"],"messages":"refuse"}]}',
      '  routes.0.name: expected 1 to 64 letters, digits, "_" or "-", got "a b"',
    ],
    ['{"routes":[{"name":"a","path":"/a","channels":"x","messages":"refuse"}]}', '  routes.0.channels: '],
    ['{"routes":[{"name":"a","path":"/a","channels":[],"messages":"shout"}]}', '  routes.0.messages: '],
    [
      '{"routes":[{"name":"a","path":"/a","channels":["x"],"messages":"refuse"}]}',
      'routes.json: route "a": ',
    ],
  ])('is refused naming the file and the entry: %s', (text, message) => {
    expect(() => parseRoutes('routes.json', text)).toThrow(message);
  });
});
