import { compileRoutes, RouteError } from '../../../sidecar/routes/compile';
import { DEFAULT_ROUTES, type RouteEntry } from '../../../sidecar/routes/route';

function entry(change: Partial<RouteEntry>): RouteEntry {
  const names = { name: 'r', path: '/r/{id}', channels: ['{tenant}:r:{id}'] };
  return { ...names, messages: 'relay', session: false, peers: true, ...change };
}

describe('the peers of a route', () => {
  it('are told by no built-in route, and by one that relays and asks for it', () => {
    expect(compileRoutes(DEFAULT_ROUTES).some(({ peers }) => peers)).toBe(false);
    expect(compileRoutes([entry({})])[0]?.peers).toBe(true);
  });

  it.each<[string, Partial<RouteEntry>, RegExp]>([
    ['a route that takes no messages', { messages: 'refuse' }, /"peers" only beside "messages": "relay"/],
    [
      'a channel that every tenant hears',
      { channels: ['news:{id}'], shared: true },
      /\{tenant\} or \{session\} in the channel beside "peers"/,
    ],
  ])('are refused for %s', (_, change, message) => {
    expect(() => compileRoutes([entry(change)])).toThrow(message);
    expect(() => compileRoutes([entry(change)])).toThrow(RouteError);
  });
});
