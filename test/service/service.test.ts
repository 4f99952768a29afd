import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis, type Cluster } from 'ioredis';
import { connectService, escapeSegment, type Service } from '../../service/src/index';
import { CONFIRM_MS } from '../../service/src/redis/within';
import { until } from '../fault/until';
import { TOPOLOGIES, type Topology } from './fixture';

const NOW_SECONDS = 1_700_000_000;

describe.each(Object.entries(TOPOLOGIES))('a service on %s', (_, start) => {
  let topology: Topology;
  let service: Service;

  beforeAll(async () => {
    topology = await start();
    service = connectService({ redis: topology.redis, now: () => NOW_SECONDS * 1000 });
  }, 60_000);
  afterAll(() => topology.stop());

  it('publishes a frame where bridges hear it, and is told how many heard it', async () => {
    expect(await service.publish('ai:stream:nobody', { type: 'token' })).toBe(0);
    const heard = await topology.hear('ai:stream:s1');
    expect(await service.publish('ai:stream:s1', { type: 'token', data: { token: 'a' } })).toBe(1);
    await until(() => heard.length === 1);
    expect(heard).toEqual(['{"type":"token","data":{"token":"a"}}']);
  });

  it('notifies a user or everyone of a tenant, whose ids spell no other name', async () => {
    const everyone = await topology.hear('a%3Ab:notifications');
    const ana = await topology.hear('a%3Ab:notifications:ana%21%20%2A');
    await service.notify('a:b', {}, { text: 'all' });
    await service.notify('a:b', { user: 'ana! *' }, { text: 'one' });
    await until(() => everyone.length + ana.length === 2);
    expect(everyone).toEqual(['{"type":"notification","data":{"text":"all"}}']);
    expect(ana).toEqual(['{"type":"notification","data":{"text":"one"}}']);
  });

  it('publishes nothing that has no JSON, which nobody could read', async () => {
    const heard = await topology.hear('acme:notifications');
    for (const nothing of [undefined, () => 1, Symbol('a')]) {
      await expect(service.notify('acme', {}, nothing)).rejects.toThrow('expected a value of JSON');
      await expect(service.dashboard('acme', 'd').refresh(nothing)).rejects.toThrow(TypeError);
      await expect(service.publish('acme:notifications', nothing)).rejects.toThrow(TypeError);
    }
    await service.notify('acme', {}, null);
    await until(() => heard.length > 0);
    expect(heard).toEqual(['{"type":"notification","data":null}']);
    expect(await topology.redis.get('acme:dashboard:state:d')).toBeNull();
  });

  it.each<unknown>([undefined, null, '', 7])(
    'publishes nothing under a name that is no text, where nobody would look for it: %p',
    async (name) => {
      const given = name as string;
      const heard = await topology.hear(`${given}:notifications`);
      await expect(service.notify(given, {}, 1)).rejects.toThrow('expected tenant to be a text');
      await expect(service.publish(given, {})).rejects.toThrow('expected channel to be a text');
      expect(() => service.dashboard(given, 'sales')).toThrow('expected tenant to be a text');
      expect(() => service.dashboard('acme', given)).toThrow('expected id to be a text');
      expect(() => {
        service.answer(given, () => [][Symbol.iterator]() as never);
      }).toThrow('expected type to be a text');
      expect(heard).toEqual([]);
    },
  );

  it('publishes no text that is reserved to the bridge, for which clients are told of a gap', async () => {
    const heard = await topology.hear('acme:notifications');
    await expect(service.publish('acme:notifications', { type: 'bridge.alert', data: {} })).rejects.toThrow(
      new TypeError('expected no type of the bridge: its clients would be told of a gap'),
    );
    await service.publish('acme:notifications', { data: {}, type: 'bridge.alert' });
    await until(() => heard.length > 0);
    expect(heard).toEqual(['{"data":{},"type":"bridge.alert"}']);
  });

  it('keeps the state of a dashboard before anybody hears of it, and for a while', async () => {
    const heard = await topology.hear('acme:dashboard:refresh:sales%2F1');
    const key = 'acme:dashboard:state:sales%2F1';
    expect(await service.dashboard('acme', 'sales/1').refresh({ orders: 7 })).toBe(1);
    await until(() => heard.length === 1);
    expect(heard).toEqual(['{"type":"refresh","data":{"orders":7}}']);
    expect(await topology.redis.get(key)).toBe(heard[0]);
    expect(await topology.redis.ttl(key)).toBeGreaterThan(86_000);
  });

  it('refreshes a dashboard in the order of the calls, and the state is the last one', async () => {
    const heard = await topology.hear('acme:dashboard:refresh:d2');
    const numbers = Array.from({ length: 50 }, (_value, number) => number);
    await Promise.all(numbers.map((number) => service.dashboard('acme', 'd2').refresh(number)));
    await until(() => heard.length === numbers.length);
    expect(heard.map((text) => (JSON.parse(text) as { data: number }).data)).toEqual(numbers);
    expect(await topology.redis.get('acme:dashboard:state:d2')).toBe(heard.at(-1));
  });

  it.each([{ user: undefined }, { user: null }, { user: '' }, { usr: 'ana' }])(
    'reaches no more people than were meant where %j was meant for one',
    async (whom) => {
      const everyone = await topology.hear('acme:notifications');
      const control = await topology.hear('ws:control');
      await expect(service.notify('acme', whom as object, { text: 'one' })).rejects.toThrow(TypeError);
      await expect(service.revoke({ tenant: 'acme', ...(whom as object) })).rejects.toThrow(TypeError);
      await service.notify('acme', {}, { text: 'all' });
      await service.revoke({ tenant: 'acme', user: 'last' });
      await until(() => everyone.length > 0 && control.length > 0);
      expect(everyone).toEqual(['{"type":"notification","data":{"text":"all"}}']);
      expect(control).toEqual(['{"type":"revoke","tenant":"acme","user":"last"}']);
    },
  );

  it('revokes a token: the gatekeeper refuses it until its exp, and bridges close its sockets', async () => {
    const heard = await topology.hear('ws:control');
    await service.revoke({ jti: 't:1', exp: NOW_SECONDS + 900 });
    await service.revoke({ tenant: 'acme', user: 'ana' });
    await until(() => heard.length === 2);
    expect(heard).toEqual([
      '{"type":"revoke","jti":"t:1"}',
      '{"type":"revoke","tenant":"acme","user":"ana"}',
    ]);
    const ttl = await topology.redis.ttl('blacklist:t:1');
    expect(ttl).toBeGreaterThan(890);
    expect(ttl).toBeLessThanOrEqual(900);
  });

  it('takes a token that has expired already, whose sockets may be open by another clock', async () => {
    const heard = await topology.hear('ws:control');
    await service.revoke({ jti: 'old', exp: NOW_SECONDS - 60 });
    await until(() => heard.length === 1);
    expect(heard).toEqual(['{"type":"revoke","jti":"old"}']);
    await expect(service.revoke({ jti: 'odd', exp: Number.NaN })).rejects.toThrow('expected exp');
    // It would be kept for some ten thousand years.
    const exp = (NOW_SECONDS + 60) * 1000;
    await expect(service.revoke({ jti: 'odd', exp })).rejects.toThrow(
      'in seconds since the epoch, not milliseconds',
    );
    expect(await topology.redis.exists('blacklist:odd')).toBe(0);
    expect(await topology.redis.exists('blacklist:odd')).toBe(0);
  });

  it('has the prefix of its bridges before every name', async () => {
    const staging = connectService({ redis: topology.redis, prefix: 'staging:' });
    const channels = ['x', 'acme:notifications', 'acme:dashboard:refresh:d', 'ws:control'];
    const heard = await Promise.all(channels.map((channel) => topology.hear(`staging:${channel}`)));
    await staging.publish('x', {});
    await staging.notify('acme', {}, {});
    await staging.dashboard('acme', 'd').refresh({});
    await staging.revoke({ jti: 't2', exp: Date.now() / 1000 + 60 });
    await until(() => heard.every((texts) => texts.length === 1));
    expect(heard.map((texts) => texts.length)).toEqual([1, 1, 1, 1]);
    expect(await topology.redis.exists('staging:acme:dashboard:state:d')).toBe(1);
    expect(await topology.redis.exists('staging:blacklist:t2')).toBe(1);
  });
});

describe('a service', () => {
  it('escapes as the bridge does', () => {
    expect(escapeSegment("a:b/ü!'()*~")).toBe('a%3Ab%2F%C3%BC%21%27%28%29%2A~');
  });

  it('refuses a connection with a keyPrefix, which its channels would not have', () => {
    const redis = new Redis({ keyPrefix: 'x:', lazyConnect: true });
    expect(() => connectService({ redis })).toThrow(
      new TypeError(
        'expected a connection without keyPrefix, which channels would not have: give prefix instead',
      ),
    );
  });

  it('publishes no frame of a dashboard before the one that came first, however late a master answers', async () => {
    const published: string[] = [];
    const answers: (() => void)[] = [];
    const redis = {
      isCluster: true,
      options: {},
      set: () => new Promise<void>((resolve) => answers.push(resolve)),
      spublish: (_channel: string, text: string) => Promise.resolve(published.push(text)),
    } as unknown as Cluster;
    const service = connectService({ redis });
    const both = Promise.all([1, 2].map((state) => service.dashboard('acme', 'd').refresh(state)));
    let settled = false;
    void both.then(() => (settled = true));
    await until(() => {
      answers.pop()?.();
      return settled;
    });
    expect(published).toEqual(['{"type":"refresh","data":1}', '{"type":"refresh","data":2}']);
  });

  it('rejects what Redis does not confirm within 30 seconds, and then refreshes with the latest alone', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] });
    try {
      const published: string[] = [];
      const answers: (() => void)[] = [];
      const answer = (): Promise<void> => new Promise((resolve) => answers.push(resolve));
      const redis = {
        isCluster: true,
        options: {},
        set: answer,
        spublish: (_channel: string, text: string) => answer().then(() => published.push(text)),
      } as unknown as Cluster;
      const service = connectService({ redis });
      const dashboard = service.dashboard('acme', 'd');
      const calls = [
        ...[dashboard.refresh(1), dashboard.refresh(2), service.publish('c', {})],
        ...[service.notify('acme', {}, 1), service.revoke({ tenant: 'acme' })],
        service.revoke({ jti: 't1', exp: Date.now() / 1000 + 60 }),
      ].map((call) => call.catch(String));
      await new Promise(setImmediate);
      jest.advanceTimersByTime(CONFIRM_MS);
      expect(new Set(await Promise.all(calls))).toEqual(
        new Set(['Error: redis did not answer for 30000 ms']),
      );
      const last = dashboard.refresh(3);
      published.length = 0;
      const heard: number[] = [];
      void last.then((count) => heard.push(count));
      while (heard.length === 0) {
        answers.pop()?.();
        await new Promise(setImmediate);
      }
      expect(published.filter((text) => text.includes('refresh'))).toEqual([
        '{"type":"refresh","data":1}',
        '{"type":"refresh","data":3}',
      ]);
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });

  it('tells who refreshes a dashboard what Redis refused, and goes on', async () => {
    const topology = await TOPOLOGIES['one server']?.();
    if (topology === undefined) throw new Error('no topology');
    const { redis } = topology;
    const user = ['on', '>secret', '~*', '&*', '+@all', '-publish'];
    await redis.call('ACL', 'SETUSER', 'mute', ...user);
    const mute = (redis as Redis).duplicate({ username: 'mute', password: 'secret' });
    const dashboard = connectService({ redis: mute }).dashboard('acme', 'd');
    await expect(dashboard.refresh(1)).rejects.toThrow(/NOPERM|EXECABORT/);
    await redis.call('ACL', 'SETUSER', 'mute', '+publish');
    expect(await dashboard.refresh(2)).toBe(0);
    mute.disconnect();
    await topology.stop();
  });
});
