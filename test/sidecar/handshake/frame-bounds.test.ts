import { FrameBounds, MAX_PIECES } from '../../../sidecar/handshake/frame-bounds';
import { compileRoutes } from '../../../sidecar/routes/compile';
import { DEFAULT_ROUTES } from '../../../sidecar/routes/route';

const messageSizes = { any: 4000, commands: 3000, refuse: 2000, relay: 5000 };

describe('the bounds of what clients may send', () => {
  it('are those of their route, and one object for all of its sockets', () => {
    const bounds = new FrameBounds({ messageSizes, maxFragments: 7 });
    const routes = compileRoutes(DEFAULT_ROUTES);
    const limits = Object.fromEntries(routes.map((route) => [route.name, bounds.of(route)]));
    const rest = { maxFragments: 7, maxPieces: MAX_PIECES };
    expect(limits).toEqual({
      'ai-chat': { maxMessageBytes: 3000, ...rest },
      dashboard: { maxMessageBytes: 2000, ...rest },
      notifications: { maxMessageBytes: 2000, ...rest },
      collaboration: { maxMessageBytes: 4000, ...rest },
    });
    for (const route of routes) expect(bounds.of(route)).toBe(limits[route.name]);
  });
});
