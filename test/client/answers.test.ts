import type { ChatClient, Tokens } from '../../client/src/chat.ts';
import { settled } from './fake-clock';
import { codeOf, numbered, reopened, startChat, type Rig } from './fixture';

async function readAll<Token, Result>(answer: AsyncGenerator<Token, Result>): Promise<[Token[], Result]> {
  const tokens: Token[] = [];
  for (;;) {
    const { done, value } = await answer.next();
    if (done === true) return [tokens, value];
    tokens.push(value);
  }
}

describe('an answer', () => {
  const COMPLETE = JSON.stringify({ type: 'complete', data: { sql: 'SELECT 1' } });

  it('is iterated token by token up to its completion, which is returned', async () => {
    const { client, bridge } = await startChat();
    const answer = readAll(client.ask('message', { text: 'revenue?' }));
    await settled();
    expect(bridge.taken.map(({ data }) => data)).toEqual([{ text: 'revenue?' }]);
    bridge.publish(numbered(0));
    await settled();
    bridge.publish(numbered(1));
    bridge.publish(COMPLETE);
    expect(await answer).toEqual([['t0', 't1'], { sql: 'SELECT 1' }]);
  });

  it('ends at the frame that isEnd says, of any shape, which is returned whole, with the tokens that tokenOf says', async () => {
    const { client, bridge } = await startChat({
      isEnd: ({ done }) => done === true,
      tokenOf: ({ token }) => (typeof token === 'string' ? token : undefined),
    });
    const answers = [client.ask('message', 1), client.ask('message', 2)].map(readAll);
    await settled();
    const end = { done: true, sql: 'SELECT 1', data: [1] };
    for (const frame of [{ token: 'a', index: 0, type: 'text' }, { done: false }, { token: 'b' }, end]) {
      bridge.publish(JSON.stringify(frame));
    }
    await settled();
    bridge.publish(JSON.stringify({ done: true, token: 'c' }));
    expect(await Promise.all(answers)).toEqual([
      [['a', 'b'], end],
      [['c'], { done: true, token: 'c' }],
    ]);
  });

  it('ends at an error frame whatever isEnd says, and at what isEnd itself throws', async () => {
    const { client, bridge } = await startChat({
      isEnd: ({ done }) => {
        if (done === 'bad') throw new TypeError('mine');
        return done === true;
      },
    });
    const first = codeOf(readAll(client.ask('message', 1)));
    const second = readAll(client.ask('message', 2));
    bridge.publish(JSON.stringify({ type: 'error', data: { code: 'QUERY_FAILED', message: '...' } }));
    expect(await first).toBe('QUERY_FAILED');
    await settled();
    bridge.publish(JSON.stringify({ done: 'bad' }));
    await expect(second).rejects.toThrow('mine');
  });

  it('is not ended by an end that no object is, nor by a frame that only looks like one', async () => {
    const { client, bridge } = await startChat();
    const answer = readAll(client.ask('message'));
    await settled();
    for (const text of ['null', '"complete"', '{"type":"complete"}', '{"done":true}', '{"type":"token"}']) {
      bridge.publish(text);
    }
    bridge.publish(COMPLETE);
    expect(await answer).toEqual([[], { sql: 'SELECT 1' }]);
  });

  it('goes on over a reconnect', async () => {
    const rig = await startChat();
    const answer = readAll(rig.client.ask('message'));
    await settled();
    rig.bridge.publish(numbered(0));
    rig.network.last.lose(1006);
    rig.bridge.publish(numbered(1));
    rig.bridge.publish(COMPLETE);
    await reopened(rig);
    expect(await answer).toEqual([['t0', 't1'], { sql: 'SELECT 1' }]);
  });

  it('throws the error frame, after the tokens before it', async () => {
    const { client, bridge } = await startChat();
    const tokens: string[] = [];
    const answer = (async () => {
      for await (const token of client.ask('message')) tokens.push(token);
    })();
    bridge.publish(numbered(0));
    bridge.publish(JSON.stringify({ type: 'error', data: { code: 'QUERY_FAILED', message: '...' } }));
    expect(await codeOf(answer)).toBe('QUERY_FAILED');
    expect(tokens).toEqual(['t0']);
  });

  it('throws at a gap, since its end may be what was lost', async () => {
    const { client, bridge } = await startChat();
    const answer = codeOf(readAll(client.ask('message')));
    bridge.publishLost(COMPLETE);
    expect(await answer).toBe('GAP');
  });

  it('that is asked for by who is told of a gap is none of what the gap took', async () => {
    const { client, bridge } = await startChat();
    let again: Promise<unknown> | undefined;
    client.on('gap', () => {
      again = readAll(client.ask('message'));
    });
    bridge.publishLost(numbered(0));
    await settled();
    bridge.publish(numbered(1));
    bridge.publish(COMPLETE);
    expect(await again).toEqual([['t1'], { sql: 'SELECT 1' }]);
  });

  it('throws what its command is refused with, and when the client is closed', async () => {
    const { client, bridge } = await startChat();
    bridge.refuses = 'TOO_MANY_MESSAGES';
    expect(await codeOf(readAll(client.ask('message')))).toBe('TOO_MANY_MESSAGES');
    bridge.refuses = undefined;
    const answers = [client.ask('message'), client.ask('message')].map((answer) => codeOf(readAll(answer)));
    client.close();
    expect(await Promise.all(answers)).toEqual(['CLOSED', 'CLOSED']);
  });

  it('waits until the answer before it is over, also one that nobody reads to its end', async () => {
    const { client, bridge } = await startChat();
    const first = client.ask('message', 1);
    bridge.publish(numbered(0));
    expect(await first.next()).toEqual({ done: false, value: 't0' });
    await first.return({});
    const second = readAll(client.ask('message', 2));
    bridge.publish(numbered(1));
    await settled();
    expect(bridge.taken.map(({ data }) => data)).toEqual([1]);
    bridge.publish(COMPLETE);
    await settled();
    expect(bridge.taken.map(({ data }) => data)).toEqual([1, 2]);
    bridge.publish(numbered(2));
    bridge.publish(COMPLETE);
    expect(await second).toEqual([['t2'], { sql: 'SELECT 1' }]);
  });

  it('waits after a gap until the rest of the answer before it has come, which is nobody’s', async () => {
    const { client, bridge } = await startChat();
    const first = codeOf(readAll(client.ask('message', 1)));
    await settled();
    bridge.publish(numbered(0));
    bridge.publishLost(numbered(1));
    expect(await first).toBe('GAP');
    const second = readAll(client.ask('message', 2));
    bridge.publish(numbered(2));
    await settled();
    expect(bridge.taken.map(({ data }) => data)).toEqual([1]);
    bridge.publish(JSON.stringify({ type: 'complete', data: { sql: 'SELECT 0' } }));
    await settled();
    bridge.publish(numbered(3));
    bridge.publish(COMPLETE);
    expect(await second).toEqual([['t3'], { sql: 'SELECT 1' }]);
  });

  it('that a gap ended tells what came before it, and nothing of what comes after', async () => {
    const { client, bridge } = await startChat();
    const answer = client.ask('message');
    bridge.publish(numbered(0));
    expect(await answer.next()).toMatchObject({ value: 't0' });
    bridge.publish(numbered(1));
    bridge.publishLost(numbered(2));
    bridge.publish(numbered(3));
    bridge.publish(COMPLETE);
    expect(await answer.next()).toMatchObject({ value: 't1' });
    expect(await codeOf(answer.next())).toBe('GAP');
  });

  it('that is silent for answerTimeoutMs is taken for over: its reader is told, and the next command goes', async () => {
    const { client, bridge, clock } = await startChat({ answerTimeoutMs: 60_000 });
    const first = client.ask('message', 1);
    const second = readAll(client.ask('message', 2));
    bridge.publish(numbered(0));
    expect(await first.next()).toMatchObject({ value: 't0' });
    await clock.advance(59_000);
    bridge.publish(numbered(1));
    expect(await first.next()).toMatchObject({ value: 't1' });
    const failure = codeOf(first.next());
    await clock.advance(59_999);
    expect(bridge.taken).toHaveLength(1);
    await clock.advance(1);
    expect(await failure).toBe('TIMEOUT');
    expect(bridge.taken).toHaveLength(2);
    bridge.publish(COMPLETE);
    expect(await second).toEqual([[], { sql: 'SELECT 1' }]);
    expect(clock.pending).toBe(1);
  });

  it('whose end a gap took, or that nobody reads, does not keep the next for longer than that', async () => {
    const { client, bridge, clock } = await startChat({ answerTimeoutMs: 60_000 });
    const lost = codeOf(readAll(client.ask('message', 1)));
    await settled();
    bridge.publishLost(COMPLETE);
    expect(await lost).toBe('GAP');
    const left = client.ask('message', 2);
    void client.ask('message', 3);
    await clock.advance(60_000);
    expect(bridge.taken).toHaveLength(2);
    bridge.publish(numbered(1));
    await left.next();
    await left.return({});
    await clock.advance(60_000);
    expect(bridge.taken.map(({ data }) => data)).toEqual([1, 2, 3]);
    client.close();
    expect(clock.pending).toBe(0);
  });

  describe('in a page that slept', () => {
    let rig: Rig<ChatClient>;
    let answer: Tokens;
    beforeEach(async () => {
      rig = await startChat({ answerTimeoutMs: 60_000 });
      answer = rig.client.ask('message');
      rig.bridge.publish(numbered(0));
      await answer.next();
    });

    it('goes on with what came meanwhile, which the page hears only now', async () => {
      rig.network.prompt = false;
      rig.bridge.publish(numbered(1));
      rig.bridge.publish(COMPLETE);
      const rest = readAll(answer);
      await rig.clock.sleep(600_000);
      rig.network.last.deliver();
      expect(await rest).toEqual([['t1'], { sql: 'SELECT 1' }]);
    });

    it('goes on over the next connection where its own is gone', async () => {
      rig.network.last.dead = true;
      rig.bridge.publish(numbered(1));
      rig.bridge.publish(COMPLETE);
      const rest = readAll(answer);
      await rig.clock.sleep(600_000);
      await rig.clock.advance(10_000);
      expect(await rest).toEqual([['t1'], { sql: 'SELECT 1' }]);
    });

    it('is taken for over after answerTimeoutMs more, also where all timers ring late', async () => {
      const failure = codeOf(answer.next());
      await rig.clock.sleep(62_000);
      expect(rig.client.state).toBe('open');
      await rig.clock.sleep(62_000);
      expect(await failure).toBe('TIMEOUT');
    });
  });

  it('has all its time once its command is taken over, however long that took', async () => {
    const rig = await startChat({ answerTimeoutMs: 60_000 });
    rig.network.refusing = true;
    rig.network.last.lose(1006);
    const answer = readAll(rig.client.ask('message'));
    await rig.clock.advance(600_000);
    rig.network.refusing = false;
    rig.client.reconnect();
    await settled();
    await rig.clock.advance(59_000);
    rig.bridge.publish(numbered(1));
    rig.bridge.publish(COMPLETE);
    expect(await answer).toEqual([['t1'], { sql: 'SELECT 1' }]);
  });
});
