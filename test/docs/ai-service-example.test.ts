import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { AI_SERVICE, AiService, hasPython, ownerOf } from '../fakes/ai-service';
import { documentedUser } from '../fakes/documented-user';
import { SilentLine } from '../fakes/silent-line';
import { eventually, isEnd, Stage, type Heard } from '../service/answers/fixture';

const describeWithPython = hasPython() ? describe : describe.skip;

/** So slow that an answer is on its way for as long as a test wants. */
const SLOW = { SECONDS_A_TOKEN: '0.2' };
const LONG = JSON.stringify('word '.repeat(500));

let stage: Stage;

/** Starts one process of the example with the rights that docs/redis.md gives it. */
function startProcess(env: Readonly<Record<string, string>> = {}): Promise<AiService> {
  return AiService.start(stage.url.replace('//', '//ai-service:secret@'), env);
}

const tokensOf = (frames: readonly Heard[]): readonly Heard[] =>
  frames.filter(({ type }) => type === 'token');

it('has at most 200 lines', () => {
  expect(
    readFileSync(join(AI_SERVICE, 'service.py'), 'utf8').trimEnd().split('\n').length,
  ).toBeLessThanOrEqual(200);
});

describeWithPython('docs/examples/ai-service', () => {
  beforeEach(async () => {
    stage = await Stage.start();
    await stage.redis.call('ACL', 'SETUSER', ...documentedUser('ai-service', '+expire'));
  });
  afterEach(async () => {
    const denied = await stage.redis.call('ACL', 'LOG');
    await AiService.endAll();
    await stage.stop();
    if (!Array.isArray(denied) || denied.length > 0)
      throw new Error(`Redis refused: ${JSON.stringify(denied)}`);
  });

  it('answers with numbered tokens under the id of the command, and one complete', async () => {
    const heard = await stage.hear('a%3Ab');
    await startProcess({ SECONDS_A_TOKEN: '0' });
    await stage.command({ session: 'a:b', id: 'c1', data: '"revenue of May"' });
    await eventually('an end', () => heard().some(isEnd));
    const tokens = tokensOf(heard());
    expect(tokens.map(({ data }) => data['token']).join('')).toBe('You asked: "revenue of May" ');
    expect(tokens.map(({ data }) => data['index'])).toEqual(tokens.map((_, index) => index));
    expect(heard().at(-1)).toEqual({ type: 'complete', id: 'c1', data: {} });
    expect(new Set(heard().map(({ id }) => id))).toEqual(new Set(['c1']));
    await eventually('the command to be acknowledged', async () => (await pending()) === 0);
  });

  it('ends an answer whose process was killed, from another process and once', async () => {
    const heard = await stage.hear('s1');
    const [one, other] = [await startProcess(SLOW), await startProcess(SLOW)];
    await stage.command({ id: 'c1', data: LONG });
    await eventually('a token', () => tokensOf(heard()).length > 1);
    const owner = await ownerOf(stage.redis);
    await (owner === one.child.pid ? one : other).end('SIGKILL');
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().filter(isEnd)).toEqual([
      { type: 'error', id: 'c1', data: { code: 'WORKER_LOST', message: 'worker lost' } },
    ]);
    expect(await pending()).toBe(0);
  });

  it('goes on over other connections where its own die without a word', async () => {
    const line = await SilentLine.start((stage.redis as Redis).options.port ?? 0);
    const [first, next] = [await stage.hear('s1'), await stage.hear('s2')];
    await AiService.start(`redis://ai-service:secret@127.0.0.1:${line.port}`, { SECONDS_A_TOKEN: '0' });
    await stage.command({ id: 'c1' });
    await eventually('an end', () => first().some(isEnd));
    const made = line.made;
    line.fallSilent();
    await eventually('other connections', () => line.made > made + 1);
    await stage.command({ id: 'c2', session: 's2' });
    await eventually('an end of the next answer', () => next().some(isEnd));
    expect(next().at(-1)).toMatchObject({ type: 'complete', id: 'c2' });
    line.stop();
  });

  it('takes an entry that is no command of a bridge from nobody’s way', async () => {
    const heard = await stage.hear('s1');
    await stage.redis.xadd('ai:commands', '*', 'tenant', 'acme', 'session', 's1', 'data', 'null');
    await stage.command({ id: 'c1' });
    await startProcess({ SECONDS_A_TOKEN: '0' });
    await eventually('an end', () => heard().some(isEnd));
    await eventually('both to be acknowledged', async () => (await pending()) === 0);
    expect(heard().at(-1)).toMatchObject({ type: 'complete', id: 'c1' });
  });

  it('lets a killed process end its answers when it is back, where it is the only one', async () => {
    const heard = await stage.hear('s1');
    const only = await startProcess(SLOW);
    await stage.command({ id: 'c1', data: LONG });
    await eventually('a token', () => heard().length > 0);
    await only.end('SIGKILL');
    await startProcess(SLOW);
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().at(-1)).toMatchObject({ id: 'c1', data: { code: 'WORKER_LOST' } });
  });

  it('stops a cancelled answer on whichever process it is, and no other', async () => {
    const heard = await stage.hear('s1');
    await Promise.all([startProcess(SLOW), startProcess(SLOW)]);
    await stage.command({ id: 'c1', data: LONG });
    await stage.command({ id: 'c2', data: LONG });
    const begun = (id: string): boolean => heard().some((frame) => frame.id === id);
    await eventually('both to begin', () => begun('c1') && begun('c2'));
    await stage.command({ id: 'c3', type: 'cancel', data: '{"id":"c1"}' });
    await eventually('an end', () => heard().some(isEnd));
    const ended = heard().length;
    await eventually('the other to go on', () => tokensOf(heard().slice(ended)).length > 3);
    expect(heard().filter(isEnd)).toMatchObject([{ id: 'c1', data: { code: 'CANCELLED' } }]);
    expect(
      new Set(
        heard()
          .slice(ended)
          .map(({ id }) => id),
      ),
    ).toEqual(new Set(['c2']));
  });

  it('leaves the rest of an answer to who has it by now', async () => {
    const heard = await stage.hear('s1');
    // Slow enough that it has not ended before another takes it.
    const { port } = await startProcess({ SECONDS_A_TOKEN: '1' });
    const entry = await stage.command({ id: 'c1', data: '"one two three"' });
    await eventually('a token', () => heard().length > 0);
    await stage.redis.set(`ai:answer:{ai:stream:s1}:python:${entry}`, 'another');
    await eventually('it to be done', async () => (await readiness(port)).held === 0);
    expect(tokensOf(heard()).length).toBeLessThan(5);
    expect(heard().filter(isEnd)).toEqual([]);
    expect(await pending()).toBe(1);
  });

  it('lets a tenant with many commands not stop the one of another', async () => {
    const heard = await stage.hear('quick');
    await startProcess(SLOW);
    for (let n = 0; n < 100; n += 1) await stage.command({ id: `a${n}`, session: 'busy', data: LONG });
    await stage.command({ tenant: 'other', id: 'b1', session: 'quick', data: '1' });
    await eventually('the answer to the other', () => heard().some(isEnd));
    expect(heard().at(-1)).toMatchObject({ type: 'complete', id: 'b1' });
  });

  it('finishes what it has begun when it is stopped, and leaves the rest to others', async () => {
    const heard = await stage.hear('s1');
    const first = await startProcess(SLOW);
    await stage.command({ id: 'c1', data: '"one two three four five"' });
    await eventually('a token', () => heard().length > 0);
    await first.end('SIGTERM');
    expect(heard().at(-1)).toEqual({ type: 'complete', id: 'c1', data: {} });
    await stage.command({ id: 'c2', data: '1' });
    await startProcess(SLOW);
    await eventually('the second answer', () => heard().filter(isEnd).length === 2);
    expect(heard().at(-1)).toEqual({ type: 'complete', id: 'c2', data: {} });
  });

  it('ends an answer that it cannot finish with STOPPED, when it is stopped', async () => {
    const heard = await stage.hear('s1');
    const first = await startProcess({ ...SLOW, DRAIN_SECONDS: '0.5' });
    await stage.command({ id: 'c1', data: LONG });
    await eventually('a token', () => heard().length > 0);
    await first.end('SIGTERM');
    expect(heard().at(-1)).toEqual({
      ...{ type: 'error', id: 'c1' },
      data: { code: 'STOPPED', message: 'stopped' },
    });
    expect(await pending()).toBe(0);
  });

  it('ends a cancelled answer at once that waits for its turn', async () => {
    const heard = await stage.hear('s1');
    await startProcess(SLOW);
    for (let n = 0; n < 9; n += 1) await stage.command({ id: `a${n}`, data: LONG });
    await eventually('eight to begin', () => new Set(tokensOf(heard()).map(({ id }) => id)).size === 8);
    await stage.command({ id: 'b', type: 'cancel', data: '{"id":"a8"}' });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().filter(isEnd)).toMatchObject([{ id: 'a8', data: { code: 'CANCELLED' } }]);
    // It took no place of another.
    await stage.command({ id: 'b1', session: 's1', tenant: 'other', data: '1' });
    await eventually('an answer', () => heard().some(({ type }) => type === 'complete'));
  });

  it('stops a cancelled answer in an environment with a prefix, with the rights of that', async () => {
    const rights = documentedUser('ai-service', '+expire').map((rule) =>
      rule.replace('{', '{staging:').replace(/^([~&])/, '$1staging:'),
    );
    await stage.redis.call('ACL', 'SETUSER', 'ai-service', 'reset', ...rights.slice(1));
    const heard = await stage.hear('s1', 'staging:');
    await startProcess({ ...SLOW, BRIDGE_CHANNEL_PREFIX: 'staging:' });
    await stage.command({ id: 'c1', data: LONG }, 'staging:');
    await eventually('a token', () => heard().length > 0);
    await stage.command({ id: 'c2', type: 'cancel', data: '{"id":"c1"}' }, 'staging:');
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().at(-1)).toMatchObject({ id: 'c1', data: { code: 'CANCELLED' } });
  });
});

async function readiness(port: number): Promise<{ readonly held: number }> {
  return (await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()) as { held: number };
}

async function pending(): Promise<number> {
  const reply = (await stage.redis.call('XPENDING', 'ai:commands', 'python')) as [number];
  return reply[0];
}
