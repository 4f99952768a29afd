import { compileRoutes, RouteError } from '../../../sidecar/routes/compile';
import { DEFAULT_ROUTES, type RouteEntry } from '../../../sidecar/routes/route';

describe.each(['peers', 'locks'] as const)('the %s of a route', (member) => {
  function entry(change: Partial<RouteEntry>): RouteEntry {
    const names = { name: 'r', path: '/r/{id}', channels: ['{tenant}:r:{id}'] };
    return { ...names, messages: 'relay', session: false, [member]: true, ...change };
  }

  it('are had by no built-in route, and by one that relays and asks for them', () => {
    expect(compileRoutes(DEFAULT_ROUTES).some((route) => route[member])).toBe(false);
    expect(compileRoutes([entry({})])[0]?.[member]).toBe(true);
  });

  it.each<[string, Partial<RouteEntry>, string]>([
    ['a route that takes no messages', { messages: 'refuse' }, `"${member}" only beside "messages": "relay"`],
    [
      'a channel that every tenant hears',
      { channels: ['news:{id}'], shared: true },
      `{tenant} or {session} in the channel beside "${member}"`,
    ],
  ])('are refused for %s', (_, change, message) => {
    expect(() => compileRoutes([entry(change)])).toThrow(message);
    expect(() => compileRoutes([entry(change)])).toThrow(RouteError);
  });
});
