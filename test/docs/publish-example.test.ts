import { execFile, spawnSync } from 'node:child_process';

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../fakes/redis-server';

const EXAMPLES = join(__dirname, '../../docs/examples');
const SCRIPT = join(EXAMPLES, 'publish.py');
const PYTHON = process.env['PYTHON'] ?? 'python3';
const works = (...args: readonly string[]): boolean => spawnSync(PYTHON, args).status === 0;
// Python is no requirement of this repository; where it is, this runs.
const describeWithPython = works('--version') ? describe : describe.skip;
const describeWithRedisPy = works('-c', 'import redis; redis.RedisCluster.spublish')
  ? describe
  : describe.skip;

/** Stands in for redis-py where there is none: prints what is called. */
const RECORDER = `
import json, sys
class Recorder:
    def __init__(self, kind): self.kind = kind
    def record(self, name, channel, text):
        print(json.dumps([self.kind, name, channel, text]), file=sys.stderr)
        return 1
    def publish(self, channel, text): return self.record("publish", channel, text)
    def spublish(self, channel, text): return self.record("spublish", channel, text)
    def set(self, key, text, ex): return self.record("set", key, text)
    def eval(self, script, keys, key, verb, channel, text, frames, seconds):
        return self.record(f"{verb} after {key}", channel, text)
    def pipeline(self, transaction): return Recorder("MULTI " + self.kind)
    def execute(self): return [True, 1]
class Redis:
    from_url = staticmethod(lambda url: Recorder("Redis"))
class RedisCluster:
    from_url = staticmethod(lambda url: Recorder("RedisCluster"))
`;

type Call = readonly [kind: string, name: string, channel: string, text: string];
interface Frame {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'publish-'));
  mkdirSync(join(folder, 'fake'));
  writeFileSync(join(folder, 'fake/redis.py'), RECORDER);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  const options = { env: { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1', ...env } };
  return promisify(execFile)(PYTHON, [SCRIPT, ...args], options);
}

async function recorded(...args: readonly string[]): Promise<readonly Call[]> {
  return recordedWith({}, ...args);
}

async function recordedWith(
  env: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<readonly Call[]> {
  const { stderr } = await run(args, { PYTHONPATH: join(folder, 'fake'), ...env });
  return stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Call);
}

const frameOf = ([, , , text]: Call): Frame => JSON.parse(text) as Frame;

describeWithPython('docs/examples/publish.py', () => {
  it('publishes to the channels of PROTOCOL.md §2, each value escaped', async () => {
    const calls = await recorded('a:b', 'ana', 'sales', 's1');
    const published = calls.filter(([, name]) => name !== 'set');
    expect([...new Set(published.map(([kind, name]) => `${kind}.${name}`))]).toEqual([
      'Redis.publish',
      'MULTI Redis.publish',
    ]);
    expect([...new Set(published.map(([, , channel]) => channel))]).toEqual([
      'a%3Ab:notifications',
      'a%3Ab:notifications:ana',
      'a%3Ab:dashboard:refresh:sales',
      'ai:stream:s1',
    ]);
  });

  it.each([
    ['one step', [], ['MULTI Redis.set', 'MULTI Redis.publish']],
    ['a cluster, before it', ['--cluster'], ['RedisCluster.set', 'RedisCluster.spublish']],
  ])('keeps the state of a dashboard beside what it publishes: in %s', async (_, options, expected) => {
    const calls = await recorded(...options, 'a:b', 'ana', 'sales');
    const at = calls.findIndex(([, name]) => name === 'set');
    const pair = calls.slice(at, at + 2);
    expect(pair.map(([kind, name]) => `${kind}.${name}`)).toEqual(expected);
    const [[, , key, state] = [], [, , channel, text] = []] = pair;
    expect([key, channel]).toEqual(['a%3Ab:dashboard:state:sales', 'a%3Ab:dashboard:refresh:sales']);
    expect(state).toBe(text);
  });

  it('publishes under the prefix that the bridges have (PROTOCOL.md §8)', async () => {
    const calls = await recordedWith({ BRIDGE_CHANNEL_PREFIX: 'staging:' }, 'acme', 'ana', 'sales', 's1');
    expect(calls.length).toBeGreaterThan(3);
    for (const [, , channel] of calls) expect(channel).toMatch(/^staging:(acme|ai):/);
  });

  it('streams an answer: tokens in order, then complete', async () => {
    const answer = (await recorded('acme', 'ana', 'sales', 's1'))
      .filter(([, , channel]) => channel === 'ai:stream:s1')
      .map(frameOf);
    const tokens = answer.filter(({ type }) => type === 'token');
    expect(tokens.length).toBeGreaterThan(2);
    expect(tokens.map(({ data }) => data['index'])).toEqual(tokens.map((_, index) => index));
    for (const { data } of tokens) expect(Object.keys(data)).toEqual(['token', 'index']);
    expect(answer.at(-1)).toMatchObject({ type: 'complete', data: { sql: expect.any(String) } });
    expect(Object.keys(answer.at(-1)?.data ?? {})).toEqual(['sql', 'chartConfig']);
    expect(answer).toHaveLength(tokens.length + 1);
  });

  it.each([
    ['PUBLISH', []],
    ['SPUBLISH', ['--cluster']],
  ])('appends an answer to its history and publishes it in one step, with %s', async (verb, options) => {
    const calls = await recorded(...options, '--history', 'acme', 'ana', 'sales', 's1');
    const answer = calls.filter(([, , channel]) => channel.startsWith('ai:'));
    expect(answer.length).toBeGreaterThan(3);
    expect([...new Set(answer.map(([, name, channel]) => `${name} ${channel}`))]).toEqual([
      `${verb} after ai:history:{s1} ai:stream:{s1}`,
    ]);
  });

  it('uses SPUBLISH on a cluster, for everything', async () => {
    const calls = await recorded('--cluster', 'acme', 'ana', 'sales', 's1');
    expect([...new Set(calls.map(([kind, name]) => `${kind}.${name}`))]).toEqual([
      'RedisCluster.spublish',
      'RedisCluster.set',
    ]);
  });

  it('names the fields that the React example reads', async () => {
    const react = readFileSync(join(EXAMPLES, 'react.tsx'), 'utf8');
    const [refresh] = (await recorded('acme', 'ana', 'sales'))
      .map(frameOf)
      .filter(({ type }) => type === 'refresh');
    const declared = /interface RefreshFrame [^]*?\n\}\n/.exec(react)?.[0] ?? '';
    const names = [...declared.matchAll(/readonly (\w+):/g)].map(([, name]) => name);
    const regions = refresh?.data['revenueByRegion'] as readonly object[];
    expect(names).toEqual([
      'type',
      'data',
      ...Object.keys(refresh?.data ?? {}),
      ...Object.keys(regions[0] ?? {}),
    ]);
  });
});

describeWithRedisPy('docs/examples/publish.py with redis-py', () => {
  it('publishes to a real Redis, as its users do', async () => {
    const server: RedisServer = await startRedis();
    const redis = new Redis(server.url);
    try {
      const heard: string[] = [];
      await redis.subscribe('acme:notifications', 'ai:stream:s1');
      redis.on('message', (channel, text) => heard.push(`${channel} ${(JSON.parse(text) as Frame).type}`));
      const { stdout } = await run(['acme', 'ana', 'sales', 's1'], { REDIS_URL: server.url });
      expect(stdout).toContain('acme:notifications: 1\n');
      expect(stdout).toContain('acme:notifications:ana: 0\n');
      const unsubscribed = redis.unsubscribe();
      await unsubscribed;
      expect(heard[0]).toBe('acme:notifications notification');
      expect(heard.at(-1)).toBe('ai:stream:s1 complete');
    } finally {
      redis.disconnect();
      await server.stop();
    }
  });
});
