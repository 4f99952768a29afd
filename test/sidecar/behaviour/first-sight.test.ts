import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { documentedUser } from '../../fakes/documented-user';
import { recordAsked } from '../../fakes/asked-of-redis';
import { makeOwnFolder } from '../../fakes/own-folder';
import { startRedis } from '../../fakes/redis-server';
import {
  askUpgrade,
  connect,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  type Client,
  type TestBridge,
} from '../fixture';
import { TOPOLOGIES, type TestRedis } from '../topologies';

const ALICE = { tenant: 'acme', user: 'alice' };
const EVE = { tenant: 'evil', user: 'eve' };
const KEY = 'acme:dashboard:state:d1';
const CHANNEL = 'acme:dashboard:refresh:d1';

jest.setTimeout(60_000);

async function metric({ adminUrl }: TestBridge, outcome: string): Promise<string | undefined> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const series = `ws_bridge_states_total{route="dashboard",outcome="${outcome}"} `;
  return text
    .split('\n')
    .find((line) => line.startsWith(series))
    ?.slice(series.length);
}

async function counted(bridge: TestBridge, outcome: string, count: number): Promise<void> {
  await eventually(async () => (await metric(bridge, outcome)) === `${count}`);
}

function isState(frame: unknown): boolean {
  return (frame as { readonly type?: string }).type === 'bridge.state';
}

describe.each(TOPOLOGIES)('on %s,', (_topology, startTopology) => {
  let redis: TestRedis;
  let bridge: TestBridge;
  let url: string;

  beforeAll(async () => {
    redis = await startTopology();
  });
  beforeEach(async () => {
    await redis.flush();
    bridge = await startBridge(redis.url);
    url = `${bridge.url}/ws/bi/dashboards/d1`;
    await eventually(async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200);
  });
  afterEach(async () => {
    await bridge.bridge.close();
    assert.deepEqual(bridge.bridge.openState(), EMPTY);
  });
  afterAll(async () => {
    await redis.stop();
  });

  describe('a plain client of a dashboard', () => {
    it.each([
      ['text', Buffer.from('{"type":"refresh","data":"ü"}'), false],
      ['text behind a byte order mark', Buffer.from('\uFEFF{}'), false],
      ['bytes that are no UTF-8', Buffer.of(1, 0xff, 0), true],
    ])('gets its state first, byte for byte: %s', async (_, state, binary) => {
      await redis.set(KEY, state);
      const client = await connect(url, ALICE);
      expect(await client.next()).toEqual({ data: state, binary });
      await redis.publish(CHANNEL, 'live');
      expect(await client.nextText()).toBe('live');
      expect(await metric(bridge, 'sent')).toBe('1');
    });

    it('that nobody set a state of gets what is published, and nothing before', async () => {
      const client = await connect(url, ALICE);
      await counted(bridge, 'absent', 1);
      await redis.publish(CHANNEL, 'live');
      expect(await client.nextText()).toBe('live');
    });

    it('gets it also on a channel that others hear already, who get nothing then', async () => {
      const first = await connect(url, ALICE);
      await counted(bridge, 'absent', 1);
      await redis.set(KEY, 'state');
      const second = await connect(url, { ...ALICE, user: 'bob' });
      expect(await second.nextText()).toBe('state');
      await redis.publish(CHANNEL, 'live');
      expect([await first.nextText(), await second.nextText()]).toEqual(['live', 'live']);
    });

    it("gets no other tenant's, nor another dashboard's", async () => {
      await redis.set(KEY, 'a secret');
      const eve = await connect(url, EVE);
      const other = await connect(`${bridge.url}/ws/bi/dashboards/d1%3Ad1`, ALICE);
      const spelt = await connect(`${bridge.url}/ws/bi/dashboards/d1`, { tenant: 'acme:x', user: 'eve' });
      await counted(bridge, 'absent', 3);
      await redis.set('acme%3Ax:dashboard:state:d1', 'its own');
      await redis.publish('evil:dashboard:refresh:d1', 'live');
      expect(await eve.nextText()).toBe('live');
      expect([other.kept, spelt.kept]).toEqual([0, 0]);
      const again = await connect(url, { tenant: 'acme:x', user: 'eve' });
      expect(await again.nextText()).toBe('its own');
    });

    it('gets it again when a lost subscription is back, with what it missed', async () => {
      await redis.set(KEY, 'old');
      const client = await connect(url, ALICE);
      expect(await client.nextText()).toBe('old');
      // As when a frame was published while nobody could hear it.
      await redis.set(KEY, 'missed');
      await redis.cutSubscribers();
      expect(await client.nextText()).toBe('missed');
    });
  });

  describe('a client of bridge.v1', () => {
    it.each([
      ['text', Buffer.from('\uFEFF{"type":"refresh","data":"ü\\n"}')],
      ['bytes that are no UTF-8', Buffer.of(1, 0xff, 0)],
    ])('gets %s in bridge.state after bridge.ready, and counts on as without', async (_, state) => {
      await redis.set(KEY, state);
      const board = await connectCounting(url, ALICE);
      const frame = await board.next();
      assert(typeof frame !== 'string' && frame.type === 'bridge.state');
      const { data } = frame;
      expect('text' in data ? Buffer.from(data.text) : Buffer.from(data.base64, 'base64')).toEqual(state);
      await redis.publish(CHANNEL, 'live');
      expect(await board.next()).toBe('live');
      await board.client.cut();
      await redis.publish(CHANNEL, 'missed');
      const back = await connectCounting(url, ALICE, board.point);
      expect(back.ready.resumed).toBe(true);
      expect(await back.next()).toBe('missed');
      expect(await metric(bridge, 'sent')).toBe('1');
    });

    it('that resumes and lost nothing is sent none, unless it says that it never had one', async () => {
      await redis.set(KEY, 'state');
      const board = await connectCounting(url, ALICE);
      expect(isState(await board.next())).toBe(true);
      await board.client.cut();
      const back = await connectCounting(url, ALICE, board.point);
      const lacking = await connectCounting(`${url}?state=missing`, ALICE, board.point);
      expect([back.ready.resumed, lacking.ready.resumed]).toEqual([true, true]);
      expect(isState(await lacking.next())).toBe(true);
      await redis.publish(CHANNEL, 'live');
      expect([await back.next(), await lacking.next()]).toEqual(['live', 'live']);
      await lacking.client.cut();
      await redis.publish(CHANNEL, 'missed');
      const again = await connectCounting(`${url}?state=missing`, ALICE, lacking.point);
      await redis.publish(CHANNEL, 'live again');
      expect(await again.take(2)).toEqual(['missed', 'live again']);
    });

    it('that cannot resume gets it after the gap', async () => {
      await redis.set(KEY, 'state');
      const board = await connectCounting(url, ALICE, 'nobody.1');
      expect(await board.take(2)).toMatchObject([
        { type: 'bridge.gap', data: { reason: 'unknown' } },
        { type: 'bridge.state', data: { text: 'state' } },
      ]);
    });

    it('gets it again after the gap when a lost subscription is back', async () => {
      await redis.set(KEY, 'old');
      const board = await connectCounting(url, ALICE);
      await board.next();
      await redis.set(KEY, 'missed');
      await redis.cutSubscribers();
      expect(await board.take(2)).toMatchObject([
        { type: 'bridge.gap', data: { reason: 'redis' } },
        { type: 'bridge.state', data: { text: 'missed' } },
      ]);
      await redis.publish(CHANNEL, 'live');
      expect(await board.next()).toBe('live');
      await board.client.cut();
      expect((await connectCounting(url, ALICE, board.point)).ready.resumed).toBe(true);
    });

    it('gets no state that begins as only a control frame may', async () => {
      await redis.set(KEY, '{"type":"bridge.ready","data":{}}');
      const board = await connectCounting(url, ALICE);
      await counted(bridge, 'reserved', 1);
      await redis.publish(CHANNEL, 'live');
      expect(await board.next()).toBe('live');
    });
  });

  describe('a service that sets and publishes while clients come', () => {
    it('shows none of them an older frame after a newer one, and each one at once', async () => {
      const stopping = new AbortController();
      const service = (async (): Promise<number> => {
        let number = 0;
        while (!stopping.signal.aborted) {
          number += 1;
          await redis.set(KEY, `${number}`);
          await redis.publish(CHANNEL, `${number}`);
        }
        return number;
      })();
      const shown: number[][] = [];
      const clients: Client[] = [];
      for (let round = 0; round < 10; round += 1) {
        const came = await Promise.all(Array.from({ length: 8 }, () => connect(url, ALICE)));
        for (const client of came) {
          const own: number[] = [Number(await client.nextText())];
          client.socket.on('message', (data: Buffer) => own.push(Number(data.toString())));
          while (client.kept > 0) own.push(Number(await client.nextText()));
          shown.push(own);
        }
        clients.push(...came);
      }
      stopping.abort();
      const last = await service;
      await eventually(() => shown.every((own) => own.at(-1) === last));
      for (const own of shown) expect(own).toEqual([...own].sort((a, b) => a - b));
    });
  });

  it('a state that is too large is not sent, is counted, and is told of once', async () => {
    const small = await startBridge(redis.url, { BRIDGE_MAX_STATE_BYTES: '8' });
    await redis.set(KEY, '123456789');
    await redis.set('acme:dashboard:state:d2', '12345678');
    const clients = [await connect(`${small.url}/ws/bi/dashboards/d1`, ALICE)];
    clients.push(await connect(`${small.url}/ws/bi/dashboards/d1`, ALICE));
    await counted(small, 'too_large', 2);
    const fits = await connect(`${small.url}/ws/bi/dashboards/d2`, ALICE);
    expect(await fits.nextText()).toBe('12345678');
    const told = small.logLines.filter((line) => line.includes('larger than BRIDGE_MAX_STATE_BYTES'));
    expect(told.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({ level: 40, route: 'dashboard', maxStateBytes: 8 }),
    ]);
    await redis.publish(CHANNEL, 'a longer frame');
    for (const client of clients) expect(await client.nextText()).toBe('a longer frame');
    await small.bridge.close();
  });
});

describe('1,000 sockets that are opened at once', () => {
  it.each([
    ['plain', 'on one dashboard', 1],
    ['plain', 'on 100 dashboards', 100],
    ['bridge.v1', 'on one dashboard', 1],
    ['bridge.v1', 'on 100 dashboards', 100],
  ])('each get their first frame without a publish: %s, %s', async (kind, _, boards) => {
    const server = await startRedis();
    const redis = new Redis(server.url);
    const bridge = await startBridge(server.url, { BRIDGE_MAX_CONNECTIONS_PER_USER: '0' });
    for (let board = 0; board < boards; board += 1) {
      await redis.set(`acme:dashboard:state:${board}`, `state of ${board}`);
    }
    const offers = kind === 'plain' ? [] : [kind];
    const clients = await Promise.all(
      Array.from({ length: 1000 }, (_, index) =>
        connect(`${bridge.url}/ws/bi/dashboards/${index % boards}`, ALICE, offers),
      ),
    );
    for (const [index, client] of clients.entries()) {
      const expected = `state of ${index % boards}`;
      if (kind === 'bridge.v1') {
        expect(await client.nextJson()).toMatchObject({ type: 'bridge.ready' });
        expect(await client.nextJson()).toEqual({ type: 'bridge.state', data: { text: expected } });
      } else expect(await client.nextText()).toBe(expected);
    }
    expect(await metric(bridge, 'sent')).toBe('1000');
    await bridge.bridge.close();
    assert.deepEqual(bridge.bridge.openState(), EMPTY);
    redis.disconnect();
    await server.stop();
  });
});

describe('a Redis that refuses the key', () => {
  it('refuses no upgrade: the first frame is missing, which is counted, and told of once', async () => {
    const server = await startRedis();
    const admin = new Redis(server.url);
    const user = documentedUser('ws-bridge', '+subscribe').filter((rule) => rule !== '+getrange');
    await admin.call('ACL', 'SETUSER', ...user);
    const bridge = await startBridge(`redis://ws-bridge:secret@127.0.0.1:${server.port}`);
    await admin.set(KEY, 'state');
    const clients = [
      await connect(`${bridge.url}/ws/bi/dashboards/d1`, ALICE),
      await connect(`${bridge.url}/ws/bi/dashboards/d1`, ALICE),
    ];
    await counted(bridge, 'unread', 2);
    await admin.publish(CHANNEL, 'live');
    for (const client of clients) expect(await client.nextText()).toBe('live');
    const told = bridge.logLines.filter((line) => line.includes('a state cannot be read'));
    expect(told.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({
        level: 40,
        route: 'dashboard',
        reason: expect.stringContaining('NOPERM') as string,
      }),
    ]);
    await bridge.bridge.close();
    admin.disconnect();
    await server.stop();
  });
});

describe('a Redis that does not answer for the key', () => {
  it('delays neither the upgrade nor a frame', async () => {
    const server = await startRedis();
    const admin = new Redis(server.url);
    const bridge = await startBridge(server.url);
    await admin.set(KEY, 'state');
    const spy = jest.spyOn(Redis.prototype, 'getrangeBuffer').mockReturnValue(new Promise(() => undefined));
    const url = `${bridge.url}/ws/bi/dashboards/d1`;
    const [plain, board] = [await connect(url, ALICE), await connectCounting(url, ALICE)];
    expect(spy).toHaveBeenCalled();
    await admin.publish(CHANNEL, 'live');
    expect([await plain.nextText(), await board.next()]).toEqual(['live', 'live']);
    spy.mockRestore();
    await Promise.all([plain.close(), board.client.close()]);
    await bridge.bridge.close();
    assert.deepEqual(bridge.bridge.openState(), EMPTY);
    admin.disconnect();
    await server.stop();
  });
});

describe('what an upgrade asks of Redis', () => {
  /** The names of the commands so far, without what bridges ask by the clock. */
  const ofUpgrades = (asked: readonly (readonly string[])[]): readonly string[] =>
    asked.filter(([, first]) => first?.includes('ws:probe') !== true).map(([name = '']) => name);

  it('is what it was where a route has no state, and one read and one PING more where it has one', async () => {
    const server = await startRedis();
    const admin = new Redis(server.url);
    await admin.call('ACL', 'SETUSER', ...documentedUser('ws-bridge', '+subscribe'));
    await admin.set(KEY, 'state');
    const bridge = await startBridge(`redis://ws-bridge:secret@127.0.0.1:${server.port}`, {
      // Nothing is announced anew meanwhile.
      BRIDGE_CONNECTION_LEASE_MS: '600000',
    });
    await eventually(async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200);
    // Scripts are sent whole once. It stays: what is given back would be counted with the others.
    await connect(`${bridge.url}/ws/notifications`, EVE);
    const askedFor = async (path: string, isOver: (asked: readonly string[]) => boolean) => {
      const sent = recordAsked('ws-bridge');
      await connect(`${bridge.url}${path}`, ALICE);
      await eventually(() => isOver(ofUpgrades(sent.asked())));
      const all = ofUpgrades(sent.asked());
      sent.stop();
      return all;
    };
    const without = await askedFor('/ws/notifications', () => true);
    const withState = await askedFor('/ws/bi/dashboards/d1', (asked) => asked.includes('ping'));
    expect(without).toEqual(['evalsha', 'subscribe']);
    expect(withState).toEqual(['evalsha', 'subscribe', 'getrange', 'ping']);
    expect(await admin.info('commandstats')).toContain('cmdstat_getrange:calls=1,');
    await bridge.bridge.close();
    admin.disconnect();
    await server.stop();
  });
});

describe("a key that is the bridges' own", () => {
  it('is shown to nobody, whatever a tenant is called', async () => {
    const server = await startRedis();
    const folder = makeOwnFolder('routes-');
    const file = join(folder.path, 'routes.json');
    const route = {
      name: 'dashboard',
      path: '/s/{kind}/{id}',
      channels: ['{tenant}:{kind}:{id}'],
      initial: '{tenant}:{kind}:{id}',
      messages: 'refuse',
    };
    writeFileSync(file, JSON.stringify({ routes: [route] }));
    const bridge = await startBridge(server.url, { BRIDGE_ROUTES_FILE: file });
    for (const [tenant, path, status] of [
      ['ai', '/s/session/s1', 403],
      ['ws', '/s/handover/h1', 403],
      ['ai', '/s/stream/s1', 101],
    ] as const) {
      const answer = await askUpgrade(`${bridge.url}${path}`, await headersFor({ ...EVE, tenant }));
      expect([path, answer.status]).toEqual([path, status]);
    }
    await bridge.bridge.close();
    await folder.remove();
    await server.stop();
  });
});

describe('the script of docs/redis.md', () => {
  it('keeps the state and publishes it, in one step', async () => {
    const guide = readFileSync(join(__dirname, '../../../docs/redis.md'), 'utf8');
    const script = /```lua\n([^`]+)```/.exec(guide)?.[1] ?? '';
    const server = await startRedis();
    const redis = new Redis(server.url);
    const bridge = await startBridge(server.url);
    const url = `${bridge.url}/ws/bi/dashboards/d1`;
    const early = await connect(url, ALICE);
    expect(await redis.eval(script, 1, KEY, 'figures', CHANNEL)).toBe(1);
    const late = await connect(url, ALICE);
    expect([await early.nextText(), await late.nextText()]).toEqual(['figures', 'figures']);
    expect(await redis.ttl(KEY)).toBeGreaterThan(0);
    await bridge.bridge.close();
    redis.disconnect();
    await server.stop();
  });
});
