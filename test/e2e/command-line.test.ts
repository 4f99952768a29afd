import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { diagnose } from '../../sidecar/doctor/doctor';
import { findingLine } from '../../sidecar/doctor/finding';
import { startTail, type Tail } from '../../sidecar/tail/tail';
import { startRedis } from '../fakes/redis-server';
import { token } from './client';
import { SECRETS, type Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ config: { rate_limits: [] } });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

/** How long one waits for what does not come; what comes has longer on a noisy machine. */
const IN_VAIN_MS = 2_000;

async function doctor(
  bearer: string,
  redisUrl = urlOf(stack),
  path = '/ws/ai/chat',
  timeoutMs = 20_000,
): Promise<readonly string[]> {
  const lines: string[] = [];
  const env = { BRIDGE_ASSERTION_SECRET: SECRETS.ASSERTION_SECRET, REDIS_URL: redisUrl };
  const gateway = { url: new URL(stack.url), token: bearer, path };
  const options = { env, gateway, timeoutMs, now: Date.now };
  for await (const finding of diagnose(options)) lines.push(findingLine(finding));
  return lines;
}

function urlOf({ redis }: Stack): string {
  return `redis://${redis.options.host ?? ''}:${redis.options.port ?? ''}`;
}

describe('ws-bridge doctor --gateway', () => {
  it('goes the whole way: upgrade, greeting, publish, receive', async () => {
    const lines = await doctor(await token());
    expect(lines.filter((line) => line.startsWith('FAIL'))).toEqual([]);
    expect(lines.slice(-3).map((line) => line.slice(0, 14).trim())).toEqual([
      'ok    upgrade',
      'ok    ready',
      'ok    loop',
    ]);
  });

  it('takes a path with the session that it is to use', async () => {
    const lines = await doctor(await token(), urlOf(stack), '/ws/ai/chat?session=of-the-doctor');
    expect(lines.at(-1)).toMatch(/^ok {4}loop/);
    expect(await stack.redis.exists('ai:session:of-the-doctor')).toBe(1);
  });

  it('says why the gateway refuses, and quotes nothing of the token', async () => {
    const bearer = await token({ exp: Math.floor(Date.now() / 1000) - 60 });
    const lines = await doctor(bearer);
    expect(lines.at(-1)).toMatch(/^FAIL {2}upgrade {4}401 The token has expired: ask ws-gatekeeper verify/);
    for (const part of bearer.split('.')) expect(lines.join('\n')).not.toContain(part);
  });

  it('says that the Redis it was given is not the one behind the gateway', async () => {
    const other = await startRedis();
    try {
      const lines = await doctor(await token(), other.url, undefined, IN_VAIN_MS);
      expect(lines.at(-1)).toMatch(
        /^FAIL {2}loop {7}what was published did not arrive .*: are REDIS_URL and BRIDGE_CHANNEL_PREFIX those of the bridge/,
      );
    } finally {
      await other.stop();
    }
  });
});

describe('ws-bridge tail', () => {
  interface Running extends Tail {
    readonly lines: string[];
    readonly notes: string[];
    /** Resolves once a line or a note is there. */
    until(text: string): Promise<void>;
  }

  function tail(path: string, bearer: string, resume?: string): Running {
    const lines: string[] = [];
    const notes: string[] = [];
    const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
    const take = (list: string[]) => (line: string) => {
      list.push(line);
      for (const { text, resolve } of waiting) if (line.includes(text)) resolve();
    };
    const url = new URL(path, stack.url);
    const running = startTail({ url, token: bearer, resume, out: take(lines), note: take(notes) });
    return {
      ...running,
      lines,
      notes,
      until: (text) =>
        new Promise((resolve) => {
          if ([...lines, ...notes].some((line) => line.includes(text))) resolve();
          waiting.push({ text, resolve });
        }),
    };
  }

  it('prints what is published, and goes on where it ended', async () => {
    const path = '/ws/bi/dashboards/tail';
    const channel = 'acme:dashboard:refresh:tail';
    const bearer = await token();
    const first = tail(path, bearer);
    await first.until('-- open');
    await stack.redis.publish(channel, '{"n":1}');
    await first.until('{"n":1}');
    first.stop();
    expect(await first.ended).toBe(0);
    const point = /--resume (\S+)$/.exec(first.notes.at(-1) ?? '')?.[1];
    await stack.redis.publish(channel, '{"n":2}');

    const second = tail(path, bearer, point);
    await second.until('{"n":2}');
    expect(second.lines).toEqual(['{"n":2}']);
    expect(second.notes.join()).not.toContain('gap');
    second.stop();
    expect(await second.ended).toBe(0);
  });

  it('tells a gap when the point is not known', async () => {
    const running = tail('/ws/notifications', await token(), 'nowhere.17');
    await running.until('-- gap (unknown): frames were lost or may have been');
    running.stop();
    expect(await running.ended).toBe(0);
  });

  it('ends with 1 when the token is refused, and says why', async () => {
    const bearer = await token({ aud: 'another' });
    const running = tail('/ws/notifications', bearer);
    expect(await running.ended).toBe(1);
    expect(running.notes.join('\n')).toMatch(/^-- refused: 401 .*audience/m);
    for (const part of bearer.split('.')) expect(running.notes.join('\n')).not.toContain(part);
  });
});
