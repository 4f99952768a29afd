import fc from 'fast-check';
import type { ChatClient, Tokens } from '../../client/src/chat.ts';
import { BridgeClientError } from '../../client/src/errors.ts';
import { settled } from './fake-clock';
import { codeOf, reopened, startChat, type Rig } from './fixture';

/** Publishes a frame of the answer to this command. */
function publish({ bridge }: Rig, type: string, id: string | undefined, data: object = {}): void {
  bridge.publish(JSON.stringify({ type, id, data }));
}

function token(rig: Rig, id: string | undefined, text: string): void {
  publish(rig, 'token', id, { token: text, index: 0 });
}

async function readAll(answer: Tokens): Promise<string> {
  let text = '';
  for (;;) {
    const { done, value } = await answer.next();
    if (done === true) return `${text}|${String(value['n'])}`;
    text += value;
  }
}

async function causeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
}

/** A rig whose service has said once that it answers by id. */
async function namedRig(options: Parameters<typeof startChat>[0] = {}): Promise<Rig<ChatClient>> {
  let count = 0;
  const rig = await startChat({ newId: () => `c${count++}`, ...options });
  const first = readAll(rig.client.ask('message'));
  await settled();
  publish(rig, 'complete', 'c0', { n: 0 });
  expect(await first).toBe('|0');
  rig.bridge.taken.length = 0;
  return rig;
}

function taken({ bridge }: Rig): unknown[] {
  return bridge.taken.map(({ type, data, id }) => [type, data ?? id]);
}

describe('answers whose frames say which command they answer', () => {
  it('come side by side on one socket, and each of a hundred readers gets exactly its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat(99)), async (order) => {
        const rig = await startChat();
        const answers = Array.from({ length: 100 }, () => readAll(rig.client.ask('message')));
        await settled();
        // The first frame tells that the others need not wait.
        publish(rig, 'start', rig.bridge.taken[0]?.id);
        await settled();
        const ids = rig.bridge.taken.map(({ id }) => id);
        expect(ids).toHaveLength(100);
        const left = ids.map(() => 5);
        let frames = 0;
        for (const pick of order) {
          const n = left.findIndex((count, i) => i >= pick && count >= 0);
          if (n >= 0) {
            if (left[n] === 0) publish(rig, 'complete', ids[n], { n });
            else token(rig, ids[n], `${n}.${5 - (left[n] ?? 0)} `);
            left[n] = (left[n] ?? 0) - 1;
            frames += 1;
          } else if (left.every((count) => count < 0)) break;
          if (frames % 97 === 0) await settled();
        }
        expect(await Promise.all(answers)).toEqual(
          ids.map((_, n) => `${[0, 1, 2, 3, 4].map((part) => `${n}.${part} `).join('')}|${n}`),
        );
        expect(rig.network.sockets).toHaveLength(1);
        rig.client.close();
      }),
      { numRuns: 5 },
    );
  });

  it('leave what has the id of nobody here to others of the session', async () => {
    const rig = await namedRig();
    const answer = readAll(rig.client.ask('message'));
    await settled();
    token(rig, 'another', 'x');
    publish(rig, 'error', 'another', { code: 'NO', message: '' });
    publish(rig, 'complete', 'another', { n: 7 });
    token(rig, 'c1', 'y');
    token(rig, undefined, 'z');
    publish(rig, 'complete', 'c1', { n: 1 });
    expect(await answer).toBe('y|1');
  });

  it('do so also before the service has said that it answers by id', async () => {
    const rig = await startChat({ newId: () => 'c0' });
    const answer = readAll(rig.client.ask('message'));
    await settled();
    token(rig, 'another', 'x');
    token(rig, 'c0', 'y');
    publish(rig, 'complete', 'c0', { n: 0 });
    expect(await answer).toBe('y|0');
  });

  it('fail one by one', async () => {
    const rig = await namedRig();
    const failing = causeOf(readAll(rig.client.ask('message')));
    const other = readAll(rig.client.ask('message'));
    await settled();
    publish(rig, 'error', 'c1', { code: 'QUERY_FAILED', message: '…' });
    publish(rig, 'complete', 'c2', { n: 2 });
    expect(await failing).toMatchObject({ code: 'QUERY_FAILED' });
    expect(await other).toBe('|2');
  });

  it('are each taken for over when nothing of them came for answerTimeoutMs, whatever the kind of its frames', async () => {
    const rig = await namedRig({ answerTimeoutMs: 60_000 });
    const silent = causeOf(readAll(rig.client.ask('message')));
    const busy = readAll(rig.client.ask('message'));
    await settled();
    await rig.clock.advance(59_000);
    publish(rig, 'progress', 'c2');
    await rig.clock.advance(1_000);
    expect(await silent).toMatchObject({ code: 'TIMEOUT' });
    await rig.clock.advance(57_000);
    publish(rig, 'complete', 'c2', { n: 2 });
    expect(await busy).toBe('|2');
    expect(rig.clock.pending).toBe(1);
  });

  it('are all told of a gap', async () => {
    const rig = await namedRig();
    const answers = [1, 2].map(() => causeOf(readAll(rig.client.ask('message'))));
    await settled();
    rig.bridge.publishLost('lost');
    expect(await Promise.all(answers)).toMatchObject([{ code: 'GAP' }, { code: 'GAP' }]);
  });

  it('run as many at once as commands may wait, and the others wait their turn', async () => {
    const rig = await namedRig({ maxPendingCommands: 2 });
    const answers = [1, 2, 3].map(() => readAll(rig.client.ask('message')));
    await settled();
    expect(rig.bridge.taken.map(({ id }) => id)).toEqual(['c1', 'c2']);
    publish(rig, 'complete', 'c2', { n: 2 });
    await settled();
    publish(rig, 'complete', 'c3', { n: 3 });
    publish(rig, 'complete', 'c1', { n: 1 });
    expect(await Promise.all(answers)).toEqual(['|1', '|2', '|3']);
  });

  it('come one after the other again once frames say nothing', async () => {
    const rig = await namedRig();
    const first = readAll(rig.client.ask('message'));
    await settled();
    token(rig, undefined, 'a');
    const second = readAll(rig.client.ask('message'));
    await settled();
    expect(rig.bridge.taken.map(({ id }) => id)).toEqual(['c1']);
    publish(rig, 'complete', undefined, { n: 1 });
    await settled();
    publish(rig, 'complete', undefined, { n: 2 });
    expect(await Promise.all([first, second])).toEqual(['a|1', '|2']);
  });
});

describe('an answer whose signal is aborted', () => {
  it('ends with an AbortError, and the service is told once, also over a reconnect', async () => {
    const rig = await namedRig();
    const stop = new AbortController();
    const answer = rig.client.ask('message', 'long', { signal: stop.signal });
    await settled();
    token(rig, 'c1', 'a');
    token(rig, 'c1', 'b');
    rig.bridge.losesAcks = true;
    stop.abort();
    token(rig, 'c1', 'c');
    // Tokens that came before it are told.
    expect([await answer.next(), await answer.next()]).toMatchObject([{ value: 'a' }, { value: 'b' }]);
    await expect(answer.next()).rejects.toMatchObject({ name: 'AbortError' });
    expect(await answer.next()).toEqual({ done: true, value: undefined });
    expect(rig.bridge.messages).toHaveLength(3);
    rig.bridge.losesAcks = false;
    rig.network.last.lose(1006);
    await rig.clock.advance(1_000);
    expect(rig.bridge.messages.slice(2)).toEqual(
      Array(2).fill('{"type":"cancel","id":"c2","data":{"id":"c1"}}'),
    );
    expect(taken(rig)).toEqual([
      ['message', 'long'],
      ['cancel', { id: 'c1' }],
    ]);
    await rig.clock.advance(44_000);
    expect(rig.bridge.messages).toHaveLength(4);
  });

  it('tells the service although as many commands wait as may', async () => {
    const rig = await namedRig({ maxPendingCommands: 2 });
    const stop = new AbortController();
    const stopped = causeOf(readAll(rig.client.ask('message', 'long', { signal: stop.signal })));
    await settled();
    rig.network.last.lose(1006);
    const waiting = [rig.client.send('message', 1), rig.client.send('message', 2)];
    stop.abort();
    expect(await stopped).toMatchObject({ name: 'AbortError' });
    expect(await codeOf(rig.client.send('message', 3))).toBe('QUEUE_FULL');
    await reopened(rig);
    await Promise.all(waiting);
    expect(taken(rig)).toEqual([
      ['message', 'long'],
      ['message', 1],
      ['message', 2],
      ['cancel', { id: 'c1' }],
    ]);
  });

  it('tells the service again, later, when the bridge refuses that over a rate', async () => {
    const rig = await namedRig();
    const stop = new AbortController();
    const stopped = causeOf(readAll(rig.client.ask('message', 'long', { signal: stop.signal })));
    await settled();
    rig.bridge.refuses = 'TOO_MANY_MESSAGES';
    stop.abort();
    expect(await stopped).toMatchObject({ name: 'AbortError' });
    expect(rig.bridge.messages).toHaveLength(3);
    rig.bridge.refuses = undefined;
    await rig.clock.advance(1_000);
    expect(taken(rig)).toEqual([
      ['message', 'long'],
      ['cancel', { id: 'c1' }],
    ]);
  });

  it('takes nothing from the others, and what still comes of it is nobody’s', async () => {
    const rig = await namedRig();
    const stop = new AbortController();
    const stopped = causeOf(readAll(rig.client.ask('message', 1, { signal: stop.signal })));
    const other = readAll(rig.client.ask('message', 2));
    await settled();
    token(rig, 'c1', 'a');
    stop.abort();
    token(rig, 'c1', 'b');
    token(rig, 'c2', 'x');
    publish(rig, 'complete', 'c2', { n: 2 });
    expect(await other).toBe('x|2');
    expect(await stopped).toMatchObject({ name: 'AbortError' });
    // Nothing more is waited for.
    expect(rig.clock.pending).toBe(1);
  });

  it.each([{}, { resume: 'oldest' as const }])(
    'is none of another tab, though frames of it still come: %j',
    async (options) => {
      const rig = await namedRig(options);
      const others = rig.client.answers();
      const other = others.next();
      const stop = new AbortController();
      const stopped = causeOf(readAll(rig.client.ask('message', 1, { signal: stop.signal })));
      await settled();
      token(rig, 'c1', 'a');
      stop.abort();
      expect(await stopped).toMatchObject({ name: 'AbortError' });
      token(rig, 'c1', 'b');
      publish(rig, 'error', 'c1', { code: 'CANCELLED', message: '' });
      token(rig, 'x1', 'another tab');
      expect((await other).value).toMatchObject({ id: 'x1' });
      // Its id may be used again by then.
      const again = others.next();
      token(rig, 'c1', 'again');
      expect((await again).value).toMatchObject({ id: 'c1' });
    },
  );

  it('is forgotten where its end never comes, and as many were stopped since as may run', async () => {
    const rig = await namedRig({ maxPendingCommands: 2 });
    const others = rig.client.answers();
    const other = others.next();
    // A cancel has an id as well.
    for (const id of ['c1', 'c3', 'c5']) {
      const stop = new AbortController();
      const stopped = causeOf(readAll(rig.client.ask('message', 1, { signal: stop.signal })));
      await settled();
      token(rig, id, 'a');
      stop.abort();
      await stopped;
      token(rig, id, 'b');
    }
    token(rig, 'c3', 'c');
    token(rig, 'c1', 'c');
    expect((await other).value).toMatchObject({ id: 'c1' });
  });

  it('is waited for by the next where frames have no id, until its end', async () => {
    const rig = await startChat();
    const stop = new AbortController();
    const stopped = causeOf(readAll(rig.client.ask('message', 1, { signal: stop.signal })));
    const next = readAll(rig.client.ask('message', 2));
    await settled();
    token(rig, undefined, 'a');
    stop.abort();
    expect(await stopped).toMatchObject({ name: 'AbortError' });
    token(rig, undefined, 'b');
    expect(rig.bridge.taken.map(({ type }) => type)).toEqual(['message', 'cancel']);
    publish(rig, 'error', undefined, { code: 'CANCELLED', message: '' });
    await settled();
    token(rig, undefined, 'x');
    publish(rig, 'complete', undefined, { n: 2 });
    expect(await next).toBe('x|2');
  });

  it.each(['before it is asked', 'while it waits its turn', 'while there is no connection'])(
    'sends nothing when that happens %s',
    async (when) => {
      const rig = await startChat();
      const stop = new AbortController();
      const before = when === 'while it waits its turn' ? readAll(rig.client.ask('message')) : undefined;
      if (when === 'while there is no connection') rig.network.last.lose(1006);
      if (when === 'before it is asked') stop.abort();
      const answer = causeOf(readAll(rig.client.ask('stopped', undefined, { signal: stop.signal })));
      await settled();
      stop.abort();
      expect(await answer).toMatchObject({ name: 'AbortError' });
      await rig.clock.advance(1_000);
      publish(rig, 'complete', undefined, { n: 0 });
      await before;
      await settled();
      expect(rig.bridge.taken.map(({ type }) => type)).toEqual(before ? ['message'] : []);
      const next = readAll(rig.client.ask('message'));
      await settled();
      publish(rig, 'complete', undefined, { n: 1 });
      expect(await next).toBe('|1');
    },
  );

  it('ends with the reason of the signal, and nothing happens when that comes after its end', async () => {
    const rig = await namedRig();
    const [early, late] = [new AbortController(), new AbortController()];
    const stopped = causeOf(readAll(rig.client.ask('message', 1, { signal: early.signal })));
    const whole = readAll(rig.client.ask('message', 2, { signal: late.signal }));
    await settled();
    const reason = new Error('enough');
    early.abort(reason);
    expect(await stopped).toBe(reason);
    publish(rig, 'complete', 'c2', { n: 2 });
    expect(await whole).toBe('|2');
    late.abort();
    await settled();
    expect(rig.bridge.taken.map(({ type }) => type)).toEqual(['message', 'message', 'cancel']);
  });

  it('leaves an uncaught rejection neither when too many commands wait nor when the client is closed', async () => {
    const rig = await namedRig({ maxPendingCommands: 1 });
    const stop = new AbortController();
    const answer = causeOf(readAll(rig.client.ask('message', 1, { signal: stop.signal })));
    await settled();
    rig.network.last.lose(1006);
    const waiting = causeOf(rig.client.send('other'));
    stop.abort();
    expect(await answer).toMatchObject({ name: 'AbortError' });
    rig.client.close();
    expect(await waiting).toBeInstanceOf(BridgeClientError);
    expect(rig.clock.pending).toBe(0);
  });
});

describe('an answer that another worker begins anew', () => {
  /** An answer of which one token was read, and then it was begun anew. */
  async function restarted(id: string | undefined, onRestart?: () => void) {
    const rig = await namedRig();
    const answer = rig.client.ask('message', undefined, { onRestart });
    await settled();
    token(rig, id, 'lost ');
    expect(await answer.next()).toEqual({ done: false, value: 'lost ' });
    token(rig, id, 'unread ');
    publish(rig, 'start', id, { attempt: 2 });
    token(rig, id, 'new');
    publish(rig, 'complete', id, { n: 1 });
    return { rig, answer };
  }

  it('tells a reader that has some of it, and then gives all of it', async () => {
    const restarts: string[] = [];
    const { answer } = await restarted('c1', () => restarts.push('restart'));
    expect([await readAll(answer), restarts]).toEqual(['new|1', ['restart']]);
  });

  it.each(['c1', undefined])('fails for a reader that cannot be told, id %s', async (id) => {
    const { rig, answer } = await restarted(id);
    expect(await causeOf(answer.next())).toMatchObject({ code: 'RESTARTED' });
    // The rest of it is nobody's.
    const next = readAll(rig.client.ask('message'));
    await settled();
    publish(rig, 'complete', 'c2', { n: 2 });
    expect(await next).toBe('|2');
  });

  it('tells a reader of its parts, and one that has read only what brings no token of nothing', async () => {
    for (const reads of ['tokens', 'parts'] as const) {
      const rig = await namedRig();
      const restarts: string[] = [];
      const options = { onRestart: () => restarts.push('restart') };
      const answer =
        reads === 'parts'
          ? rig.client.askParts('message', 1, options)
          : rig.client.ask('message', 1, options);
      const first = answer.next();
      await settled();
      publish(rig, 'status', 'c1', { text: 'thinking' });
      await settled();
      publish(rig, 'start', 'c1', { attempt: 2 });
      publish(rig, 'complete', 'c1', { n: 1 });
      expect(await first).toMatchObject(
        reads === 'parts' ? { value: { frame: { type: 'status' } } } : { done: true },
      );
      expect(restarts).toEqual(reads === 'parts' ? ['restart'] : []);
    }
  });

  it('is whole for a reader that has read nothing of it, without a word', async () => {
    const rig = await namedRig();
    const answer = rig.client.ask('message');
    await settled();
    token(rig, 'c1', 'lost ');
    publish(rig, 'start', 'c1', { attempt: 2 });
    token(rig, 'c1', 'new');
    publish(rig, 'complete', 'c1', { n: 1 });
    expect(await readAll(answer)).toBe('new|1');
  });

  it.each([undefined, 1, '', null, {}])('is none with the attempt %j', async (attempt) => {
    const rig = await namedRig();
    const answer = rig.client.ask('message');
    await settled();
    token(rig, 'c1', 'kept ');
    expect(await answer.next()).toEqual({ done: false, value: 'kept ' });
    publish(rig, 'start', 'c1', attempt === undefined ? {} : { attempt });
    rig.bridge.publish('{"type":"start","id":"c1","data":null}');
    token(rig, 'c1', 'too');
    publish(rig, 'complete', 'c1', { n: 1 });
    expect(await readAll(answer)).toBe('too|1');
  });

  it('fails for who follows the answers of others, and comes as another one', async () => {
    const rig = await namedRig();
    const others = rig.client.answers();
    const first = others.next();
    await settled();
    token(rig, 'x1', 'lost');
    const { value } = await first;
    expect(await value?.tokens.next()).toEqual({ done: false, value: 'lost' });
    publish(rig, 'start', 'x1', { attempt: 2 });
    expect(await causeOf(value?.tokens.next() ?? Promise.resolve())).toMatchObject({ code: 'RESTARTED' });
    token(rig, 'x1', 'new');
    publish(rig, 'complete', 'x1', { n: 1 });
    const second = await others.next();
    expect(second.value).toMatchObject({ id: 'x1' });
    expect(second.value && (await readAll(second.value.tokens))).toBe('new|1');
  });
});
