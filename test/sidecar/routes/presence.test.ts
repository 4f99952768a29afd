import { compileRoutes, RouteError } from '../../../sidecar/routes/compile';
import { parseRoutes } from '../../../sidecar/routes/file';
import { DEFAULT_ROUTES, type RouteEntry } from '../../../sidecar/routes/route';

function entry(change: Partial<RouteEntry>): RouteEntry {
  const names = { name: 'r', path: '/r/{id}', channels: ['{tenant}:r:{id}'] };
  return { ...names, messages: 'refuse', session: false, presence: true, ...change };
}

describe('the presence of a route', () => {
  it('is told by no built-in route, and by one that asks for it', () => {
    expect(compileRoutes(DEFAULT_ROUTES).some(({ presence }) => presence)).toBe(false);
    const file = JSON.stringify({ routes: [entry({}), { ...entry({ presence: false }), name: 'other' }] });
    expect(parseRoutes('routes.json', file).map(({ presence }) => presence)).toEqual([true, false]);
  });

  it.each<[string, Partial<RouteEntry>, RegExp]>([
    [
      'two channels',
      { channels: ['{tenant}:a', '{tenant}:b'] },
      /exactly one channel beside "presence".* got 2/,
    ],
    [
      'a channel that every tenant hears',
      { channels: ['news:{id}'], shared: true },
      /\{tenant\} or \{session\} in the channel beside "presence"/,
    ],
  ])('is refused for %s', (_, change, message) => {
    expect(() => compileRoutes([entry(change)])).toThrow(message);
    expect(() => compileRoutes([entry(change)])).toThrow(RouteError);
  });

  it('is a boolean', () => {
    const file = JSON.stringify({ routes: [{ ...entry({}), presence: 'yes' }] });
    expect(() => parseRoutes('routes.json', file)).toThrow('routes.0.presence');
  });
});
