import type { PointStorage } from '../../client/src/index.ts';
import { FakeBridge } from './fake-bridge';
import { FakeClock, settled } from './fake-clock';
import { numbered, startRig, type Rig } from './fixture';

/** A token of this user. */
function tokenFor(sub: string, tenant_id = 'acme'): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256' })}.${part({ sub, tenant_id })}.c2ln`;
}

/** A tab: its storage outlives its pages. */
class Tab implements PointStorage {
  readonly kept = new Map<string, string>();
  readonly bridge = new FakeBridge();

  getItem(key: string): string | null {
    return this.kept.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.kept.set(key, value);
  }

  /** Loads a page in it. */
  load(options: Parameters<typeof startRig>[0] = {}, prepare?: Parameters<typeof startRig>[3]): Promise<Rig> {
    return startRig({ storage: this, ...options }, this.bridge, new FakeClock(), prepare);
  }
}

/** The page is gone without a word to its client. */
function unload({ network }: Rig): void {
  network.last.dead = true;
  network.last.lose(1006);
}

describe('a client with a storage', () => {
  it('goes on after a reload behind the last frame that the page was told, in its session', async () => {
    const tab = new Tab();
    const before = await tab.load();
    tab.bridge.publish(numbered(1));
    tab.bridge.publish(numbered(2));
    unload(before);
    tab.bridge.publish(numbered(3));
    const after = await tab.load();
    expect(after.network.last.url.searchParams.get('session')).toBe('s1');
    expect(after.client.session).toBe('s1');
    expect(before.told).toEqual(['open', 1, 2]);
    expect(after.told).toEqual(['open', 3]);
  });

  it('misses nothing of what was published before the first frame came', async () => {
    const tab = new Tab();
    unload(await tab.load());
    tab.bridge.publish(numbered(1));
    expect((await tab.load()).told).toEqual(['open', 1]);
  });

  it('goes on behind the last frame over any number of reloads and reconnects', async () => {
    const tab = new Tab();
    const told: (number | string)[] = [];
    for (let page = 0; page < 4; page += 1) {
      const rig = await tab.load();
      tab.bridge.publish(numbered(3 * page));
      rig.network.last.lose(1006);
      tab.bridge.publish(numbered(3 * page + 1));
      await rig.clock.advance(1_000);
      unload(rig);
      tab.bridge.publish(numbered(3 * page + 2));
      told.push(...rig.told.filter((each) => typeof each === 'number' || each === 'gap'));
    }
    told.push(...(await tab.load()).told.filter((each) => typeof each === 'number' || each === 'gap'));
    expect(told).toEqual(Array.from({ length: 12 }, (_, index) => index));
  });

  it('goes on behind what one connection told while the next was in the making', async () => {
    const tab = new Tab();
    const before = await tab.load();
    const [first] = before.network.sockets;
    before.network.prompt = false;
    before.client.reconnect();
    await settled();
    tab.bridge.publish(numbered(1));
    first?.deliver();
    // Open and ready, and the frame is still to be repeated.
    before.network.last.deliver(2);
    expect(before.told).toEqual(['open', 1]);
    unload(before);
    tab.bridge.publish(numbered(2));
    expect((await tab.load()).told).toEqual(['open', 2]);
  });

  it('is told of a gap after a reload when the frames behind its point are no longer kept', async () => {
    const tab = new Tab();
    unload(await tab.load());
    tab.bridge.publish(numbered(1));
    tab.bridge.forget();
    expect((await tab.load()).told).toEqual(['open', 'gap']);
    tab.bridge.publish(numbered(2));
    expect((await tab.load()).told).toEqual(['open']);
  });

  it('asks for the state of a route that keeps one: the new page shows none', async () => {
    const tab = new Tab();
    const before = await tab.load();
    tab.bridge.publish(numbered(1));
    unload(before);
    const after = await tab.load();
    expect(after.network.last.url.searchParams.get('state')).toBe('missing');
  });

  it('takes only the session from it with resume: oldest, and all that is kept from the bridge', async () => {
    const tab = new Tab();
    const before = await tab.load();
    tab.bridge.publish(numbered(1));
    unload(before);
    tab.bridge.publish(numbered(2));
    const after = await tab.load({ resume: 'oldest' });
    expect(after.network.last.url.search).toBe('?session=s1&resume=oldest');
    expect(after.told).toEqual(['open', 1, 2]);
  });

  it.each([
    ['another user', { token: () => tokenFor('ben') }],
    ['the same name in another tenant', { token: () => tokenFor('ana', 'globex') }],
    ['another route', { path: '/ws/notifications' }],
    ['another gateway', { url: 'wss://other.test/ws/ai/chat' }],
    ['another session', { session: 's2' }],
    ['another session in its URL', { url: 'wss://gateway.test/ws/ai/chat?session=s2' }],
  ])('keeps nothing for %s', async (_, other) => {
    const tab = new Tab();
    const token = (): string => tokenFor('ana');
    unload(await tab.load({ token }));
    tab.bridge.session = undefined;
    const after = await tab.load({ token, ...other });
    expect(after.network.last.url.searchParams.has('resume')).toBe(false);
    expect([null, 's2']).toContain(after.network.last.url.searchParams.get('session'));
  });

  it('finds the same point whatever else stands in the query', async () => {
    const tab = new Tab();
    unload(await tab.load({ path: '/ws/ai/chat?page=1' }));
    const after = await tab.load({ path: '/ws/ai/chat?page=2' });
    expect(after.network.last.url.search).toMatch(/^\?page=2&session=s1&resume=e/);
  });

  it('goes on behind the last frame of a route without sessions', async () => {
    const tab = new Tab();
    tab.bridge.session = undefined;
    const before = await tab.load({ path: '/ws/notifications' });
    tab.bridge.publish(numbered(1));
    unload(before);
    tab.bridge.publish(numbered(2));
    const after = await tab.load({ path: '/ws/notifications' });
    expect(after.network.last.url.searchParams.has('session')).toBe(false);
    expect(after.told).toEqual(['open', 2]);
  });

  it('forgets a session that is forbidden, for which the next page would be refused as well', async () => {
    const tab = new Tab();
    const before = await tab.load();
    tab.bridge.publish(numbered(1));
    before.network.last.lose(4403);
    expect(before.client.state).toBe('closed');
    const after = await tab.load();
    expect(after.network.last.url.search).toBe('');
    expect(after.told).toEqual(['open']);
  });

  it('keeps its point when it is closed, as a page does that is left', async () => {
    const tab = new Tab();
    const before = await tab.load();
    before.client.close();
    tab.bridge.publish(numbered(1));
    expect((await tab.load()).told).toEqual(['open', 1]);
  });
});

describe('a storage that is no good', () => {
  const broken = (): never => {
    throw new DOMException('full', 'QuotaExceededError');
  };

  it.each<[string, PointStorage]>([
    ['throws', { getItem: broken, setItem: broken }],
    ['is full', { getItem: () => null, setItem: broken }],
    ['keeps nothing', { getItem: () => null, setItem: () => undefined }],
    ['has no such methods', {} as never],
    ['gives promises', { getItem: () => Promise.resolve('x') as never, setItem: () => undefined }],
    ...['', 'x', 'e.1 ', 'e.-1 s', 'e.9007199254740993 s', 'e e.1 s', 'e.1 s s', '{"e":1}', '.1 s'].map(
      (text): [string, PointStorage] => [
        `holds ${JSON.stringify(text)}`,
        { getItem: () => text, setItem: () => undefined },
      ],
    ),
  ])('is as none: it %s', async (_, storage) => {
    const tab = new Tab();
    const rig = await tab.load({ storage });
    tab.bridge.publish(numbered(1));
    rig.network.last.lose(1006);
    tab.bridge.publish(numbered(2));
    await rig.clock.advance(1_000);
    expect(rig.network.sockets[0]?.url.search).toBe('');
    expect(rig.told).toEqual(['open', 1, 'reconnecting', 'open', 2]);
  });

  it('brings frames twice rather than not at all once it is full', async () => {
    const tab = new Tab();
    let isFull = false;
    const storage: PointStorage = {
      getItem: (key) => tab.getItem(key),
      setItem: (key, value) => {
        if (isFull) broken();
        tab.setItem(key, value);
      },
    };
    const before = await tab.load({ storage });
    tab.bridge.publish(numbered(1));
    isFull = true;
    tab.bridge.publish(numbered(2));
    unload(before);
    tab.bridge.publish(numbered(3));
    expect((await tab.load({ storage })).told).toEqual(['open', 2, 3]);
  });
});
