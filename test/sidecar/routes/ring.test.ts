import { MAX_RING_FRAMES as MOST, parseRoutes } from '../../../sidecar/routes/file';
import { DEFAULT_ROUTES } from '../../../sidecar/routes/route';
import { MAX_RING_FRAMES } from '../../../sidecar/settings/settings';

/** How much a route with this `ring` keeps. */
function ringOf(ring: unknown): unknown {
  const chat = { ...DEFAULT_ROUTES[0], ring };
  return parseRoutes('routes.json', JSON.stringify({ routes: [chat] }))[0]?.ring;
}

describe('the ring of a route', () => {
  it('has its bounds, and leaves those to the settings that it does not name', () => {
    expect(ringOf({ frames: 10, bytes: 20, lingerSeconds: 30 })).toEqual({
      maxItems: 10,
      maxBytes: 20,
      lingerMs: 30_000,
    });
    expect(ringOf({ lingerSeconds: 0 })).toEqual({ lingerMs: 0 });
    expect(ringOf({})).toEqual({});
    expect(ringOf(undefined)).toEqual({});
  });

  it.each([
    [{ frames: 0 }],
    [{ frames: MOST + 1 }],
    [{ bytes: 0 }],
    [{ bytes: 2 ** 30 + 1 }],
    [{ lingerSeconds: -1 }],
    [{ lingerSeconds: 86_401 }],
    [{ lingerSeconds: 0.5 }],
    [{ lingerMs: 5 }],
    [7],
  ])('is refused as %j', (ring) => {
    expect(() => ringOf(ring)).toThrow('routes.0.ring');
  });

  it('has no more frames than the setting may have', () => {
    expect(MOST).toBe(MAX_RING_FRAMES);
  });

  it('of the shipped AI chat has room for 4 MiB of tokens', () => {
    const { frames = 0, bytes = 0 } = DEFAULT_ROUTES.find(({ name }) => name === 'ai-chat')?.ring ?? {};
    const token = '{"type": "token", "data": {"token": "Revenue", "index": 0}}';
    expect(bytes).toBe(4_194_304);
    expect(frames * token.length).toBeGreaterThan(bytes);
  });
});
