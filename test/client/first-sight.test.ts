import { FakeBridge } from './fake-bridge';
import { numbered, startRig, type Rig } from './fixture';

const FIGURES = '{"type":"refresh","data":{"index":7}}';

/** The bridge's side of the newest socket. */
function peerOf({ bridge }: Rig) {
  const peer = bridge.greeted.at(-1);
  if (peer === undefined) throw new Error('expected a peer');
  return peer;
}

describe('the state of a channel', () => {
  it.each([
    ['text', { text: FIGURES }, FIGURES],
    ['bytes', { base64: '/wAB' }, Uint8Array.of(0xff, 0, 1).buffer],
  ])('is told as a frame is: %s', async (_, data, expected) => {
    const rig = await startRig();
    const messages: unknown[] = [];
    rig.client.on('message', (message) => messages.push(message));
    rig.bridge.state(peerOf(rig), data);
    expect(messages).toEqual([expected]);
    expect(rig.told).toEqual(expected === FIGURES ? ['open', 7] : ['open']);
  });

  it('counts nothing: a client that comes back asks for what it missed of the frames', async () => {
    const rig = await startRig();
    rig.bridge.publish(numbered(0));
    rig.bridge.state(peerOf(rig), { text: FIGURES });
    rig.network.last.lose(1006);
    rig.bridge.publish(numbered(1));
    await rig.clock.advance(60_000);
    expect(rig.network.last.url.searchParams.get('resume')).toMatch(/\.8$/);
    expect(rig.told).toEqual(['open', 0, 7, 'reconnecting', 'open', 1]);
  });

  it('takes nothing from the connection that takes over: each frame is told once', async () => {
    const rig = await startRig();
    const former = rig.network.last;
    rig.network.prompt = false;
    rig.client.reconnect();
    await rig.clock.advance(0);
    rig.bridge.state(former.peer, { text: FIGURES });
    former.deliver();
    rig.network.prompt = true;
    rig.network.last.deliver();
    rig.bridge.publish(numbered(1));
    rig.bridge.publish(numbered(2));
    expect([former.readyState, rig.told]).toEqual([3, ['open', 7, 1, 2]]);
  });

  it('is asked for by a client that had neither a frame nor a state when it was cut', async () => {
    const rig = await startRig();
    const asked = async (): Promise<string | null> => {
      rig.network.last.lose(1006);
      await rig.clock.advance(60_000);
      return rig.network.last.url.searchParams.get('state');
    };
    expect(rig.network.last.url.searchParams.has('state')).toBe(false);
    expect(await asked()).toBe('missing');
    expect(await asked()).toBe('missing');
    rig.bridge.state(peerOf(rig), { text: FIGURES });
    expect(await asked()).toBeNull();
    expect(await asked()).toBeNull();
    // The state that it had may be old.
    rig.bridge.gap(peerOf(rig), 'redis');
    expect(await asked()).toBe('missing');
    rig.bridge.publish(numbered(0));
    expect(await asked()).toBeNull();
  });

  it.each([
    ['without its bytes', {}],
    ['with a text that is none', { text: 7 }],
    ['with no base64', { base64: '*' }],
  ])('%s breaks the protocol', async (_, data) => {
    const rig = await startRig();
    rig.bridge.state(peerOf(rig), data as { text: string });
    expect(rig.network.last.closedWith).toBe(4400);
  });

  it('before the gap that is owed breaks the protocol', async () => {
    const bridge = new FakeBridge();
    const rig = await startRig({}, bridge);
    bridge.publish(numbered(0));
    rig.network.last.lose(1006);
    bridge.forget();
    const gap = bridge.gap.bind(bridge);
    bridge.gap = (peer) => {
      bridge.state(peer, { text: FIGURES });
    };
    await rig.clock.advance(1_000);
    expect(rig.network.last.closedWith).toBe(4400);
    bridge.gap = gap;
  });
});
