import type { ChatOptions, OthersAnswer, Tokens } from '../../client/src/chat.ts';
import { FakeBridge } from './fake-bridge';
import { settled } from './fake-clock';
import { startChat, startRig, type Rig } from './fixture';

const frame = (type: string, id: string | undefined, data: object): string =>
  JSON.stringify({ type, id, data });
const token = (id: string | undefined, text: string): string => frame('token', id, { token: text, index: 0 });
const complete = (id: string | undefined): string => frame('complete', id, { sql: `SELECT ${id ?? ''}` });

async function readAll(tokens: Tokens): Promise<string> {
  let text = '';
  for (;;) {
    const { done, value } = await tokens.next();
    if (done === true) return `${text}|${String(value.sql)}`;
    text += value;
  }
}

/** A page that opens the session after all this was published, and reads the answers of others. */
async function openedAfter(
  published: readonly string[],
  options: Partial<ChatOptions> = {},
  before?: (bridge: FakeBridge) => void,
) {
  const bridge = new FakeBridge();
  for (const text of published) bridge.publish(text);
  before?.(bridge);
  const frames: [string, boolean][] = [];
  const others: OthersAnswer[] = [];
  const rig = await startChat(
    { session: 's1', resume: 'oldest', ...options },
    bridge,
    undefined,
    (client) => {
      void (async () => {
        for await (const answer of client.answers()) others.push(answer);
      })();
      client.on('frame', ({ type, data }, { replayed }) =>
        frames.push([('token' in data ? data.token : type) as string, replayed]),
      );
    },
  );
  await settled();
  return { ...rig, frames, others };
}

describe('a client with resume: oldest', () => {
  it('asks for the session from its oldest frame, and later goes on from where it was cut', async () => {
    const rig = await openedAfter([token('c1', 'a')]);
    expect(rig.network.last.url.search).toBe('?session=s1&resume=oldest');
    rig.network.last.lose(1006);
    rig.bridge.publish(token('c1', 'b'));
    await rig.clock.advance(1_000);
    expect(rig.network.last.url.search).toBe('?session=s1&resume=e1-0.8');
    expect(rig.frames.map(([text]) => text)).toEqual(['a', 'b']);
    expect(rig.told).not.toContain('gap');
  });

  it('is told what came up to the last end of an answer as replayed, and the rest as new', async () => {
    const published = [
      token('c1', 'a'),
      complete('c1'),
      token('c2', 'b'),
      frame('error', 'c2', { code: 'NO', message: '' }),
    ];
    const rig = await openedAfter([...published, token('c3', 'c')]);
    rig.bridge.publish(token('c3', 'd'));
    expect(rig.frames).toEqual([
      ['a', true],
      ['complete', true],
      ['b', true],
      ['error', true],
      ['c', false],
      ['d', false],
    ]);
  });

  it.each([['c2'], [undefined]])(
    'reads the answer that is on its way with its beginning, up to its end (id %s)',
    async (id) => {
      const rig = await openedAfter([token('c1', 'x'), complete('c1'), token(id, 'a'), token(id, 'b')]);
      expect(rig.others.map((answer) => answer.id)).toEqual([id]);
      const [answer] = rig.others;
      rig.bridge.publish(token(id, 'c'));
      rig.network.last.lose(1006);
      rig.bridge.publish(token(id, 'd'));
      await rig.clock.advance(1_000);
      rig.bridge.publish(complete(id));
      expect(answer && (await readAll(answer.tokens))).toBe(`abcd|SELECT ${id ?? ''}`);
      rig.client.close();
      expect(rig.clock.pending).toBe(0);
    },
  );

  it('reads each of several answers, and asks its own beside them', async () => {
    const rig = await openedAfter([token('c1', 'a'), token('c2', 'x')], { newId: () => 'mine' });
    const mine = readAll(rig.client.ask('message'));
    await settled();
    for (const text of [token('c2', 'y'), token('mine', 'm'), token('c1', 'b')]) rig.bridge.publish(text);
    for (const id of ['mine', 'c2', 'c1']) rig.bridge.publish(complete(id));
    expect(await mine).toBe('m|SELECT mine');
    expect(await Promise.all(rig.others.map(({ tokens }) => readAll(tokens)))).toEqual([
      'ab|SELECT c1',
      'xy|SELECT c2',
    ]);
  });

  it('is told of a gap first when the beginning is no longer kept', async () => {
    const rig = await openedAfter([token('c1', 'a')], {}, (bridge) => {
      bridge.forget();
      bridge.publish(token('c1', 'b'));
    });
    expect(rig.told).toEqual(['open', 'gap', 0]);
    expect(rig.frames).toEqual([['b', false]]);
  });

  it('asks again when it is cut before the gap that it is owed', async () => {
    const bridge = new FakeBridge();
    bridge.publish(token('c1', 'a'));
    bridge.forget();
    const rig = await startRig({ session: 's1', resume: 'oldest' }, bridge, undefined, (_, network) => {
      network.prompt = false;
    });
    // Open and ready.
    rig.network.last.deliver(2);
    rig.network.last.lose(1006, 0);
    rig.network.prompt = true;
    rig.network.last.deliver();
    await rig.clock.advance(1_000);
    expect(rig.network.last.url.search).toBe('?session=s1&resume=oldest');
    expect(rig.told).toEqual(['connecting', 'open', 'gap']);
  });

  it('goes on when it is cut in the middle of what it asked for, and misses nothing', async () => {
    const bridge = new FakeBridge();
    for (const text of ['a', 'b', 'c']) bridge.publish(token('c1', text));
    const got: unknown[] = [];
    const rig = await startRig({ session: 's1', resume: 'oldest' }, bridge, undefined, (client, network) => {
      network.prompt = false;
      client.on('frame', ({ data }) => got.push('token' in data && data.token));
    });
    // Open, ready and one frame.
    rig.network.last.deliver(3);
    rig.network.last.lose(1006, 0);
    rig.network.prompt = true;
    rig.network.last.deliver();
    await rig.clock.advance(1_000);
    expect(got).toEqual(['a', 'b', 'c']);
  });

  it('connects without it, and tells of a gap, where a bridge does not know it yet', async () => {
    const rig = await refusedWith400();
    await rig.clock.advance(1_000);
    expect(rig.network.last.url.search).toBe('?session=s1');
    expect(rig.told).toEqual(['connecting', 'open', 'gap']);
  });
});

it('tells every frame that was kept, also one for which tokenOf throws', async () => {
  const frames = [
    { type: 'note', data: {} },
    { type: 'token', data: { token: 'a' } },
  ];
  const rig = await openedAfter(
    frames.map((each) => JSON.stringify(each)),
    {
      tokenOf: ({ type, data }) => {
        if (type !== 'token') throw new TypeError('mine');
        return (data as { readonly token: string }).token;
      },
    },
  );
  expect([rig.frames, rig.others.length]).toEqual([
    [
      ['note', false],
      ['a', false],
    ],
    1,
  ]);
});

describe('the answer on its way', () => {
  /** A page that was loaded again after all this was published. */
  function loaded(published: readonly string[], ...more: Parameters<typeof startChat>) {
    const [options, bridge = new FakeBridge(), clock, prepare] = more;
    for (const text of published) bridge.publish(text);
    return startChat({ session: 's1', resume: 'oldest', ...options }, bridge, clock, prepare);
  }

  it('is the one that began last, from its beginning, with all of its frames', async () => {
    const status = frame('status', 'c2', { text: 'thinking' });
    const rig = await loaded([token('c1', 'x'), complete('c0'), token('c1', 'y'), status, token('c2', 'a')]);
    const answer = await rig.client.answerOnItsWay();
    rig.bridge.publish(token('c2', 'b'));
    rig.bridge.publish(complete('c2'));
    const parts: unknown[] = [];
    for await (const each of answer?.parts ?? []) parts.push([each.frame.type, each.token]);
    expect([answer?.id, parts]).toEqual([
      'c2',
      [
        ['status', undefined],
        ['token', 'a'],
        ['token', 'b'],
      ],
    ]);
  });

  it('is waited for until all that is kept has come', async () => {
    const rig = await loaded([complete('c0'), token('c1', 'a')], {}, undefined, undefined, (_, network) => {
      network.prompt = false;
    });
    const [answer] = [rig.client.answerOnItsWay()];
    // Open, ready and one frame.
    rig.network.last.deliver(3);
    await settled();
    rig.network.last.deliver();
    expect(await answer).toMatchObject({ id: 'c1' });
  });

  it('is waited for over a connection that is cut in the middle of what is kept', async () => {
    const kept = [token('c1', 'x'), complete('c1'), token('c2', 'a')];
    const rig = await loaded(kept, {}, undefined, undefined, (_, network) => {
      network.prompt = false;
    });
    const [answer] = [rig.client.answerOnItsWay()];
    // Open, ready and one frame.
    rig.network.last.deliver(3);
    rig.network.last.lose(1006, 0);
    rig.network.last.deliver();
    await rig.clock.advance(1_000);
    rig.network.last.deliver(3);
    await settled();
    rig.network.last.deliver();
    expect(await answer).toMatchObject({ id: 'c2' });
  });

  it('is waited for no longer once a gap stands for the rest of what was kept', async () => {
    const bridge = new FakeBridge();
    bridge.publish(token('c1', 'a'));
    bridge.publishReserved();
    const rig = await loaded([], {}, bridge);
    const answer = await rig.client.answerOnItsWay();
    expect(answer).toMatchObject({ id: 'c1' });
    await expect(answer && readAll(answer.tokens)).rejects.toMatchObject({ code: 'GAP' });
  });

  it('is waited for behind a gap in the midst of what was kept', async () => {
    const bridge = new FakeBridge();
    bridge.publish(token('c1', 'a'));
    bridge.publishReserved();
    const rig = await loaded([token('c2', 'b'), token('c2', 'c')], {}, bridge);
    expect(await rig.client.answerOnItsWay()).toMatchObject({ id: 'c2' });
  });

  it('is none where all is over, none is kept, another has it, or nothing was asked for', async () => {
    expect(await (await loaded([token('c1', 'a'), complete('c1')])).client.answerOnItsWay()).toBeUndefined();
    expect(await (await loaded([])).client.answerOnItsWay()).toBeUndefined();
    const rig = await loaded([token('c1', 'a')]);
    expect(await rig.client.answerOnItsWay()).toMatchObject({ id: 'c1' });
    expect(await rig.client.answerOnItsWay()).toBeUndefined();
    const without = await loaded([token('c1', 'a')], { resume: undefined as never });
    expect(await without.client.answerOnItsWay()).toBeUndefined();
  });

  it('is none once the client is closed', async () => {
    const rig = await startChat({ resume: 'oldest', token: () => new Promise<string>(() => undefined) });
    const answer = rig.client.answerOnItsWay();
    rig.client.close();
    expect(await answer).toBeUndefined();
  });

  it('comes from where it is still kept, after a gap', async () => {
    const bridge = new FakeBridge();
    bridge.publish(token('c1', 'lost'));
    bridge.forget();
    const rig = await loaded([token('c1', 'a')], {}, bridge);
    const answer = await rig.client.answerOnItsWay();
    rig.bridge.publish(complete('c1'));
    expect(answer && (await readAll(answer.tokens))).toBe('a|SELECT c1');
    expect(rig.told).toEqual(['open', 'gap', 0, 'complete']);
  });
});

it('a client that reads no answers is told all from before it came as replayed', async () => {
  const bridge = new FakeBridge();
  for (const text of [token('c1', 'a'), complete('c1'), token('c2', 'b')]) bridge.publish(text);
  const told: boolean[] = [];
  await startRig({ session: 's1', resume: 'oldest' }, bridge, undefined, (client) => {
    client.on('frame', (_, { replayed }) => told.push(replayed));
  });
  bridge.publish(token('c2', 'c'));
  expect(told).toEqual([true, true, true, false]);
});

async function refusedWith400(): Promise<Rig> {
  const rig = await startRig({ session: 's1', resume: 'oldest' }, undefined, undefined, (_, network) => {
    network.refusing = true;
    network.refusal = {};
    network.refusedWith = 400;
  });
  rig.network.refusing = false;
  return rig;
}

describe('the answers of others', () => {
  it('are read without it as well, from where they are', async () => {
    const rig = await openedAfter([token('c1', 'a')], { resume: undefined as never });
    rig.bridge.publish(token('c1', 'b'));
    rig.bridge.publish(complete('c1'));
    await settled();
    expect(await Promise.all(rig.others.map(({ tokens }) => readAll(tokens)))).toEqual(['b|SELECT c1']);
  });

  it('are ended by a gap, by their silence, and by the end of the client', async () => {
    const rig = await openedAfter([token('c1', 'a')], { answerTimeoutMs: 60_000 });
    const [first] = rig.others;
    rig.bridge.publishLost('x');
    await expect(first && readAll(first.tokens)).rejects.toMatchObject({ code: 'GAP' });
    rig.bridge.publish(token('c2', 'a'));
    await rig.clock.advance(60_000);
    await expect(rig.others[1] && readAll(rig.others[1].tokens)).rejects.toMatchObject({ code: 'TIMEOUT' });
    rig.bridge.publish(token('c3', 'a'));
    await settled();
    rig.client.close();
    await expect(rig.others[2] && readAll(rig.others[2].tokens)).rejects.toMatchObject({ code: 'CLOSED' });
    expect(rig.clock.pending).toBe(0);
  });
});
