import type { ChatClient } from '../../client/src/chat.ts';
import { FakeBridge } from './fake-bridge';
import { FakeClock, settled } from './fake-clock';
import { codeOf, numbered, reopened, startChat, startRig, tokenOf, type Rig } from './fixture';

describe('connecting', () => {
  it('offers bridge.v1 and the token as subprotocols, at the path of the route', async () => {
    const { network } = await startRig({ url: 'wss://gateway.test', path: '/ws/bi/dashboards/d%201?x=1' });
    expect(network.last.protocols).toEqual(['bridge.v1', 'bearer.token']);
    expect(network.last.url.href).toBe('wss://gateway.test/ws/bi/dashboards/d%201?x=1');
  });

  it('asks for the token anew for each connection', async () => {
    let count = 0;
    const rig = await startRig({ token: () => Promise.resolve(`t${(count += 1)}`) });
    rig.network.last.lose(1006);
    await reopened(rig);
    expect(rig.network.sockets.map(({ protocols }) => protocols[1])).toEqual(['bearer.t1', 'bearer.t2']);
  });

  it.each([
    ['is rejected', () => Promise.reject(new Error('logged out'))],
    [
      'throws',
      () => {
        throw new Error('logged out');
      },
    ],
  ])('tells a token function that %s, and asks it again later', async (_, token) => {
    let asked = 0;
    const rig = await startRig({
      token: () => {
        asked += 1;
        return asked < 3 ? token() : 'token';
      },
    });
    const told: unknown[] = [];
    rig.client.on('error', (cause) => told.push(cause));
    await reopened(rig);
    expect(asked).toBe(3);
    expect(told).toEqual([new Error('logged out')]);
  });

  it('gives up a connection that is not ready in ten seconds, its token included', async () => {
    const rig = await startRig();
    rig.bridge.greets = false;
    rig.network.last.lose(1006);
    await rig.clock.advance(500);
    const silent = rig.network.last;
    expect(silent.readyState).toBe(1);
    await rig.clock.advance(9_999);
    expect(silent.closedWith).toBeUndefined();
    await rig.clock.advance(1);
    expect(silent.closedWith).toBe(1000);
    rig.bridge.greets = true;
    await reopened(rig);

    const hanging = await startRig({ token: () => new Promise<string>(() => undefined) });
    await hanging.clock.advance(10_000);
    expect(hanging.network.sockets).toHaveLength(0);
    expect(hanging.clock.pending).toBe(1);
    hanging.client.close();
  });

  it('treats a refused handshake as a passing trouble, since a browser cannot tell why', async () => {
    const rig = await startRig();
    rig.network.refusing = true;
    rig.network.last.lose(1006);
    await rig.clock.advance(60_000);
    expect(rig.client.state).toBe('reconnecting');
    // 0.5, 1, 2, 4, 8, 15 and 15 seconds apart.
    expect(rig.network.sockets).toHaveLength(1 + 7);
    rig.network.refusing = false;
    await reopened(rig);
  });

  it('needs a WebSocket and a URL', async () => {
    // As in Node 20, whose globals have none.
    const { WebSocket } = globalThis;
    Reflect.deleteProperty(globalThis, 'WebSocket');
    await expect(startRig({ WebSocket: undefined as never })).rejects.toThrow(TypeError);
    if (typeof WebSocket === 'function') Object.assign(globalThis, { WebSocket });
    await expect(startRig({ url: 'no url' })).rejects.toThrow('Invalid URL');
  });

  it.each(['isEnd', 'tokenOf', 'answerTimeoutMs', 'newId', 'backofBaseMs'])(
    'refuses %s, which would be ignored without a word: it is an option of chats, or of nobody',
    async (name) => {
      await expect(startRig({ [name]: () => true })).rejects.toThrow(
        new TypeError(`${name}: unknown option (those of chats are connectChat's)`),
      );
      const { client } = await startRig({ [name]: undefined });
      client.close();
    },
  );
});

describe('frames', () => {
  it('are told with their type, and every message as it came', async () => {
    const { client, bridge } = await startRig();
    const frames: unknown[] = [];
    const messages: unknown[] = [];
    client.on('frame', (frame) => frames.push(frame));
    client.on('message', (message) => messages.push(message));
    const texts = [
      '{"type": "complete", "data": {}}',
      '{"type":"refresh","data":7}',
      'text',
      '{"no": "type"}',
      '{"type": "x"}',
      '{',
    ];
    for (const text of texts) bridge.publish(text);
    bridge.publish(Uint8Array.of(0xff, 0x00));
    expect(frames).toEqual([
      { type: 'complete', data: {} },
      { type: 'refresh', data: 7 },
    ]);
    expect(messages.slice(0, -1)).toEqual(texts);
    expect(new Uint8Array(messages.at(-1) as ArrayBuffer)).toEqual(Uint8Array.of(0xff, 0x00));
  });

  it('are no longer told to a listener that was taken away', async () => {
    const { client, bridge, told } = await startRig();
    const messages: unknown[] = [];
    const stop = client.on('message', (message) => messages.push(message));
    stop();
    bridge.publish(numbered(0));
    expect(messages).toEqual([]);
    expect(told.at(-1)).toBe(0);
  });
});

describe('a listener', () => {
  it('that throws keeps nothing from the others, and what it threw is uncaught', async () => {
    const { client, bridge, told } = await startRig();
    const uncaught = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => undefined);
    const messages: unknown[] = [];
    client.on('message', () => {
      throw new Error('a mistake');
    });
    client.on('message', (message) => messages.push(message));
    bridge.publish(numbered(0));
    const [[report] = []] = uncaught.mock.calls;
    uncaught.mockRestore();
    expect(report).toThrow('a mistake');
    expect(messages).toEqual([numbered(0)]);
    expect(told.at(-1)).toBe(0);
  });

  it('is told nothing after close', async () => {
    const { client, bridge, told } = await startRig();
    client.on('message', () => {
      client.close();
    });
    bridge.publish(numbered(0));
    expect(told).toEqual(['open', 'closed']);
  });
});

describe.each([
  ['client', startRig],
  ['client of a chat', startChat],
])('a bridge that does not keep to the protocol, for a %s', (_, start: typeof startRig) => {
  it.each([
    ['sends data before it is ready', numbered(0)],
    [
      'sends a gap before it is ready',
      '{"type":"bridge.gap","data":{"reason":"redis","epoch":"e","offset":0}}',
    ],
    ['sends a control frame that is no JSON', '{"type":"bridge.ready"'],
    ['sends a control frame without data', '{"type":"bridge.ready"}'],
  ])('is left when it %s, and tried again later', async (_, text) => {
    const rig = await start();
    const { bridge, network, clock, told } = rig;
    bridge.greets = false;
    network.last.lose(1006);
    await clock.advance(500);
    network.last.peer.send(text);
    expect(network.last.closedWith).toBe(4400);
    bridge.greets = true;
    await reopened(rig);
    expect(told).toEqual(['open', 'reconnecting', 'open']);
  });

  it('is left when it sends data where it owes a gap, and tried again later', async () => {
    const rig = await start();
    const gap = jest.spyOn(rig.bridge, 'gap').mockImplementation(() => undefined);
    rig.network.last.lose(1006);
    rig.bridge.forget();
    await rig.clock.advance(500);
    expect(gap).toHaveBeenCalledTimes(1);
    gap.mockRestore();
    rig.bridge.publish(numbered(0));
    expect(rig.network.last.closedWith).toBe(4400);
    await reopened(rig);
    rig.bridge.publish(numbered(1));
    expect(rig.told).toEqual(['open', 'reconnecting', 'open', 'gap', 1]);
  });

  it.each([
    [
      'a second ready',
      '{"type":"bridge.ready","data":{"epoch":"e","offset":0,"resumed":true,"session":"s1"}}',
    ],
    [
      'a second ready that claims a loss',
      '{"type":"bridge.ready","data":{"epoch":"e","offset":0,"resumed":false}}',
    ],
    ['what only begins as a control frame', '{"type":"bridge.'],
    ['a type that only begins so', '{"type":"bridge.ack","type":"token","data":{"id":"a"}}'],
    ['a gap without numbers', '{"type":"bridge.gap","data":{"reason":"redis"}}'],
    ['a gap before its epoch', '{"type":"bridge.gap","data":{"reason":"redis","epoch":"e","offset":-1}}'],
    ['a gap at half a frame', '{"type":"bridge.gap","data":{"reason":"redis","epoch":"e","offset":0.5}}'],
    ['a gap of no epoch', '{"type":"bridge.gap","data":{"reason":"redis","epoch":"a.b&c","offset":1}}'],
    ['an acknowledgement of nothing', '{"type":"bridge.ack","data":{}}'],
    ['a refusal without words', '{"type":"bridge.error","data":{"code":7}}'],
  ])('is left with 4400 when it sends %s, which is told, and resumed from where it was', async (_, text) => {
    const rig = await start();
    const errors: unknown[] = [];
    rig.client.on('error', (error) => errors.push(error));
    rig.bridge.publish(numbered(0));
    const { last } = rig.network;
    last.peer.send(text);
    expect(last.closedWith).toBe(4400);
    rig.bridge.publish(numbered(1));
    await reopened(rig);
    expect(rig.network.last.url.search).toBe('?session=s1&resume=e1-0.8');
    expect(rig.told).toEqual(['open', 0, 'reconnecting', 'open', 1]);
    expect(errors).toMatchObject([{ code: 'PROTOCOL', closeCode: 4400 }]);
  });

  it('is not resumed a third time where it broke the protocol twice: that would be for ever, so there is a gap', async () => {
    const rig = await start();
    rig.bridge.publish(numbered(0));
    rig.network.last.peer.send('{"type":"bridge.');
    rig.bridge.publish('{"type":"bridge.');
    await rig.clock.advance(500);
    expect(rig.network.last.url.search).toBe('?session=s1&resume=e1-0.8');
    expect(rig.client.state).toBe('reconnecting');
    await reopened(rig);
    expect(rig.network.last.url.search).toBe('?session=s1');
    rig.bridge.publish(numbered(2));
    expect(rig.told).toEqual(['open', 0, 'reconnecting', 'open', 'reconnecting', 'open', 'gap', 2]);
  });

  it('is not resumed in another session than the one that was asked for', async () => {
    const rig = await start();
    rig.network.last.lose(1006);
    rig.bridge.session = 's2';
    await rig.clock.advance(500);
    expect(rig.client.state).toBe('reconnecting');
    expect(rig.network.last.closedWith).toBe(4400);
    rig.bridge.session = 's1';
    await reopened(rig);
    expect(rig.client.session).toBe('s1');
  });

  it('has its gap told by the client when it says that it resumes, and does so further on', async () => {
    const rig = await start();
    rig.bridge.publish(numbered(0));
    rig.network.last.lose(1006);
    rig.bridge.publish(numbered(1));
    rig.bridge.publish(numbered(2));
    rig.bridge.misleads = 1;
    await reopened(rig);
    expect(rig.told).toEqual(['open', 0, 'reconnecting', 'open', 'gap', 2]);
  });

  it('is judged as the socket reads it: what has a byte order mark left is no control frame', async () => {
    const { client, network, told } = await start();
    const messages: unknown[] = [];
    client.on('message', (message) => messages.push(message));
    const text = '\uFEFF{"type":"bridge.ready","data":{"epoch":"evil","offset":0,"resumed":true}}';
    network.last.peer.send(text);
    expect(messages).toEqual([text]);
    expect(told).toEqual(['open']);
  });

  it('may send control frames that are not known yet', async () => {
    const { bridge, network, told } = await start();
    network.last.peer.send('{"type":"bridge.news","data":{}}');
    network.last.peer.send('{"type":"bridge.more"}');
    bridge.publish(numbered(0));
    expect(told).toEqual(['open', 0]);
  });
});

describe('coming back', () => {
  it('resumes in the same session from the last frame it saw', async () => {
    const rig = await startRig();
    const { bridge, network, told } = rig;
    bridge.publish(numbered(0));
    network.last.lose(1006);
    bridge.publish(numbered(1));
    await reopened(rig);
    bridge.publish(numbered(2));
    expect(network.last.url.search).toBe('?session=s1&resume=e1-0.8');
    expect(told).toEqual(['open', 0, 'reconnecting', 'open', 1, 2]);
  });

  it('tells a gap when the bridge could not resume', async () => {
    const rig = await startRig();
    const gaps: unknown[] = [];
    rig.client.on('gap', (gap) => gaps.push(gap));
    rig.network.last.lose(1006);
    rig.bridge.publish(numbered(0));
    rig.bridge.forget();
    await reopened(rig);
    rig.bridge.publish(numbered(1));
    expect(rig.told).toEqual(['open', 'reconnecting', 'open', 'gap', 1]);
    expect(gaps).toEqual([expect.objectContaining({ reason: 'unknown' })]);
  });

  it('tells the gap also when it is cut between the ready that could not resume and its gap', async () => {
    const rig = await startRig();
    const { bridge, network, clock } = rig;
    network.last.lose(1006);
    bridge.publish(numbered(0));
    bridge.forget();
    network.prompt = false;
    await clock.advance(500);
    network.last.deliver(2); // the opening, and ready
    network.last.lose(1006, 0);
    network.last.deliver();
    network.prompt = true;
    await reopened(rig);
    expect(rig.told).toEqual(['open', 'reconnecting', 'open', 'gap']);
  });

  it.each([
    [1012, 500],
    [1013, 500],
    [4429, 500],
    [4401, 0],
    [4408, 0],
  ])('after %d waits %d milliseconds at most the first time, half of them here', async (code, waitMs) => {
    const { network, clock } = await startRig();
    network.last.peer.close(code, '');
    if (waitMs > 0) await clock.advance(waitMs - 1);
    expect(network.sockets).toHaveLength(1);
    await clock.advance(1);
    expect(network.sockets).toHaveLength(2);
  });

  it.each([1008, 1009, 4403])('does not, after %d', async (code) => {
    const { client, network, clock, told } = await startRig();
    const closes: unknown[] = [];
    client.on('close', (info) => closes.push(info));
    network.last.peer.close(code, 'because');
    expect(told).toEqual(['open', 'closed']);
    expect(closes).toEqual([{ code, reason: 'because' }]);
    await clock.advance(600_000);
    expect(network.sockets).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('goes on trying while the browser says that it is offline, which it may be wrong about', async () => {
    const { client, network, clock, surroundings } = await startRig();
    await surroundings.tell('offline');
    network.last.lose(1006);
    await clock.advance(5_499);
    expect(network.sockets).toHaveLength(1);
    await clock.advance(1);
    expect(network.sockets).toHaveLength(2);
    expect(client.state).toBe('open');
  });

  it('does soon when the browser says that it is online, but not with all that were cut with it, also where an attempt hangs', async () => {
    const { client, network, clock, surroundings } = await startRig();
    await surroundings.tell('offline');
    network.last.lose(1006);
    await surroundings.tell('online');
    await clock.advance(499);
    expect(network.sockets).toHaveLength(1);
    await clock.advance(1);
    expect(client.state).toBe('open');
    await surroundings.tell('offline');
    network.last.lose(1006);
    network.prompt = false;
    await clock.advance(5_500);
    const hanging = network.last;
    expect(client.state).toBe('reconnecting');
    network.prompt = true;
    await surroundings.tell('online');
    expect(hanging.closedWith).toBe(1000);
    await clock.advance(500);
    expect(client.state).toBe('open');
    expect(network.last).not.toBe(hanging);
  });

  it('does at once when the tab can be seen again', async () => {
    const { client, network, surroundings } = await startRig();
    network.last.lose(1006);
    await settled();
    expect(client.state).toBe('reconnecting');
    await surroundings.tell('visible');
    expect(client.state).toBe('open');
  });
});

describe('a token that expires', () => {
  it('is replaced before it does: the next connection is ready before the last is closed, and nothing is missed or doubled', async () => {
    const clock = new FakeClock();
    const token = jest.fn(() => tokenOf(clock.now() + 900_000));
    const rig = await startRig({ token, idleTimeoutMs: Infinity }, new FakeBridge(), clock);
    const { network, bridge, told } = rig;
    const first = network.last;

    network.prompt = false;
    await clock.advance(900_000 - 37_501);
    expect(network.last).toBe(first);
    await clock.advance(1);
    const second = network.last;
    expect(second).not.toBe(first);
    bridge.publish(numbered(0));
    first.deliver();
    second.deliver(1);
    bridge.publish(numbered(1));
    expect(first.closedWith).toBeUndefined();
    second.deliver(1); // bridge.ready
    expect(first.closedWith).toBe(1000);
    second.deliver();
    expect(told).toEqual(['open', 0, 1]);
    expect(token).toHaveBeenCalledTimes(2);
  });
});

describe('a take-over that cannot resume', () => {
  it('is given up when the last connection delivers between its ready and its gap, and tried from further on', async () => {
    const clock = new FakeClock();
    const token = (): string => tokenOf(clock.now() + 60_000);
    const rig = await startRig({ token, renewBeforeMs: 10_000 }, new FakeBridge(), clock);
    const { bridge, network, told } = rig;
    const first = network.last;
    bridge.publish(numbered(0));
    network.prompt = false;
    bridge.publish(numbered(1));
    bridge.forget();
    await clock.advance(47_500);
    const second = network.last;
    second.deliver(2); // the opening, and ready
    first.deliver();
    second.deliver();
    expect(second.closedWith).toBe(1000);
    expect(first.closedWith).toBeUndefined();
    network.prompt = true;
    await clock.advance(5_000);
    bridge.publish(numbered(2));
    expect(network.sockets).toHaveLength(3);
    expect(told).toEqual(['open', 0, 1, 2]);
  });
});

describe('a token that lasts for years', () => {
  it('is not replaced at once, as a timer of more than 24 days would ring', async () => {
    const clock = new FakeClock();
    const delays = jest.spyOn(clock, 'setTimeout');
    await startRig(
      { token: () => tokenOf(clock.now() + 1e12), idleTimeoutMs: Infinity },
      new FakeBridge(),
      clock,
    );
    expect(Math.max(...delays.mock.calls.map(([, delayMs]) => delayMs))).toBe(2 ** 31 - 1);
  });
});

describe('a peer that is dead without a word', () => {
  it('is asked when nothing came for 45 seconds, and when nothing comes then for 10, another connection takes over', async () => {
    const { network, bridge, clock, told } = await startRig();
    const [first] = network.sockets;
    if (first) first.dead = true;
    bridge.publish(numbered(0));
    await clock.advance(54_999);
    expect(network.sockets).toHaveLength(1);
    await clock.advance(1);
    expect(network.sockets).toHaveLength(2);
    expect(first?.closedWith).toBe(1000);
    expect(told).toEqual(['open', 0]);
  });

  it('is noticed before the bridge, which pings every 30 seconds, can have forgotten what it missed 60 seconds later', async () => {
    const { network, clock } = await startRig();
    network.last.dead = true;
    await clock.advance(30_000 + 60_000 - 10_000);
    expect(network.sockets).toHaveLength(2);
  });

  it.each([
    ['that takes commands', 's1'],
    ['that takes none', undefined],
  ])(
    'is told from a quiet one on a route %s, without an upgrade or a word to the application',
    async (_, session) => {
      const bridge = new FakeBridge();
      bridge.session = session;
      const { client, network, clock, told } = await startRig({}, bridge);
      client.on('refused', () => told.push('refused'));
      await clock.advance(450_000);
      expect(bridge.probes).toBe(10);
      expect(network.sockets).toHaveLength(1);
      bridge.refuseNameless('READ_ONLY');
      expect(told).toEqual(['open', 'refused']);
    },
  );

  it('is not asked while frames arrive', async () => {
    const { bridge, clock } = await startRig();
    for (let index = 0; index < 4; index += 1) {
      await clock.advance(40_000);
      bridge.publish(numbered(index));
    }
    expect(bridge.probes).toBe(0);
  });

  it('is not asked while the tab is hidden, but at once when it is seen again', async () => {
    const { bridge, clock, surroundings } = await startRig();
    surroundings.visible = false;
    await clock.advance(3_000_000);
    expect(bridge.probes).toBe(0);
    surroundings.visible = true;
    await surroundings.tell('visible');
    await clock.advance(0);
    expect(bridge.probes).toBe(1);
  });

  it('is asked in a hidden tab as well while an answer is expected', async () => {
    const { client, bridge, clock, surroundings } = await startChat();
    surroundings.visible = false;
    void client.ask('message');
    await clock.advance(45_000);
    expect(bridge.probes).toBe(1);
  });

  it('is not taken for dead when a command is sent after a long silence', async () => {
    const { client, network, bridge, clock, surroundings } = await startChat();
    surroundings.visible = false;
    await clock.advance(3_000_000);
    network.prompt = false;
    const sent = client.send('message');
    await clock.advance(9_999);
    network.last.deliver();
    await sent;
    expect(network.sockets).toHaveLength(1);
    expect(bridge.probes).toBe(0);
  });

  it('is noticed after ackTimeoutMs when a command waits, which is sent again, hidden or not', async () => {
    const { client, network, bridge, clock, surroundings } = await startChat();
    surroundings.visible = false;
    network.last.dead = true;
    const sent = client.send('message', { text: 'hello' });
    await clock.advance(9_999);
    expect(network.sockets).toHaveLength(1);
    await clock.advance(1);
    await sent;
    expect(bridge.taken).toEqual([
      { type: 'message', data: { text: 'hello' }, id: expect.any(String) as string },
    ]);
  });
});

describe('messages to peers', () => {
  it('go as they are, text or bytes, and are not kept when there is no connection', async () => {
    const { client, bridge, network } = await startRig();
    bridge.session = undefined;
    expect(client.sendMessage('text')).toBe(true);
    expect(client.sendMessage(Uint8Array.of(1, 2).buffer)).toBe(true);
    expect(bridge.messages).toEqual(['text', Uint8Array.of(1, 2)]);
    network.last.lose(1006);
    expect(client.sendMessage('text')).toBe(false);
    expect(bridge.messages).toHaveLength(2);
  });
});

describe('close()', () => {
  async function opened(): Promise<Rig<ChatClient>> {
    return startChat();
  }
  async function connecting(): Promise<Rig<ChatClient>> {
    return startChat({ token: () => new Promise<string>(() => undefined) });
  }
  async function reconnecting(): Promise<Rig<ChatClient>> {
    const rig = await startChat();
    rig.network.last.lose(1006);
    return rig;
  }
  async function takingOver(): Promise<Rig<ChatClient>> {
    const rig = await startChat();
    rig.network.prompt = false;
    await rig.clock.advance(55_000);
    expect(rig.network.sockets).toHaveLength(2);
    return rig;
  }

  it.each([
    ['open', opened],
    ['connecting', connecting],
    ['reconnecting', reconnecting],
    ['taking over', takingOver],
  ])('leaves no timer, listener or socket when %s, and is final', async (_, start) => {
    const rig = await start();
    const closes: unknown[] = [];
    rig.client.on('close', (info) => closes.push(info));
    rig.client.close();
    rig.client.close();
    expect(closes).toEqual([{ code: 1000, reason: '' }]);
    expect(rig.clock.pending).toBe(0);
    expect(rig.surroundings.listeners.size).toBe(0);
    expect(rig.network.sockets.every(({ readyState }) => readyState === 3)).toBe(true);
    expect(rig.bridge.peers.size).toBe(0);
    await rig.clock.advance(600_000);
    expect(rig.client.state).toBe('closed');
    expect(await codeOf(rig.client.send('message'))).toBe('CLOSED');
    expect(rig.client.sendMessage('text')).toBe(false);
    expect(rig.clock.pending).toBe(0);
  });

  it('opens no socket when the token comes after it', async () => {
    let give: (token: string) => void = () => undefined;
    const rig = await startRig({ token: () => new Promise<string>((resolve) => (give = resolve)) });
    rig.client.close();
    give('token');
    await settled();
    expect(rig.network.sockets).toHaveLength(0);
    expect(rig.clock.pending).toBe(0);
  });

  it('may be called by a listener', async () => {
    const rig = await startRig();
    rig.client.on('frame', () => {
      rig.client.close();
    });
    rig.bridge.publish(numbered(0));
    rig.bridge.publish(numbered(1));
    expect(rig.told).toEqual(['open', 0, 'closed']);
    expect(rig.clock.pending).toBe(0);
  });
});
