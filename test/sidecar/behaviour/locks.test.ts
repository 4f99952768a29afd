import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import type { ControlFrame, LocksFrame } from '../../../protocol/frames';
import { sealLocksChanged } from '../../../sidecar/fanout/peer-envelope';
import { BridgeProcess } from '../../fault/bridge-process';
import { openStream } from '../../fakes/event-source';
import { makeOwnFolder } from '../../fakes/own-folder';
import {
  connect,
  connectCounting,
  EMPTY,
  eventually,
  floods,
  headersFor,
  PATIENT,
  startBridge,
  type Caller,
  type CountingClient,
  type TestBridge,
} from '../fixture';
import { payloadSchema } from '../../docs/asyncapi-document';
import { TOPOLOGIES, type TestRedis } from '../topologies';

const ANA = { tenant: 'acme', user: 'ana' };
const BOB = { tenant: 'acme', user: 'bob' };
const PATH = '/ws/collaboration/d1';

jest.setTimeout(60_000);

function routesFile(): string {
  const file = join(makeOwnFolder('routes-').path, 'routes.json');
  const doc = { name: 'doc', path: '/ws/collaboration/{id}', channels: ['{tenant}:collaboration:{id}'] };
  const bare = { name: 'bare', path: '/ws/bare/{id}', channels: ['{tenant}:bare:{id}'], messages: 'relay' };
  writeFileSync(file, JSON.stringify({ routes: [{ ...doc, messages: 'relay', locks: true }, bare] }));
  return file;
}

const ENV = {
  BRIDGE_ROUTES_FILE: routesFile(),
  BRIDGE_LOCK_LEASE_MS: '60000',
  BRIDGE_LOCK_LINGER_MS: '1500',
};
/** A lock that is kept is so for as long as its test may take. */
const KEPT = { BRIDGE_LOCK_LINGER_MS: '60000' };

/** A client that can lock. */
class Locker {
  readonly counting: CountingClient;
  #list: string | undefined;

  constructor(counting: CountingClient) {
    this.counting = counting;
  }

  static async connect(url: string, caller: Caller, point?: string): Promise<Locker> {
    return new Locker(await connectCounting(url + PATH, caller, point));
  }

  /** The next frame that is no list. */
  async next(): Promise<string | ControlFrame> {
    const frame = await this.counting.next();
    return this.#isList(frame) ? this.next() : frame;
  }

  /** The answer's type or code, and what it says beside the name and the message. */
  async ask(type: 'lock' | 'unlock', name: string, holder?: string): Promise<readonly unknown[]> {
    this.counting.send(JSON.stringify({ type: `bridge.${type}`, data: { name, holder } }));
    const frame = await this.next();
    if (typeof frame === 'string') throw new Error('expected an answer');
    assert.ok(payloadSchema(frame.type)(frame), JSON.stringify(frame));
    const data = frame.data as Record<string, unknown>;
    assert.equal(data['name'], name);
    return [data['code'] ?? frame.type, data['token'] ?? data['reason']];
  }

  /** Reads until the latest list says this. */
  async until(list: string): Promise<void> {
    while (this.#list !== list) this.#isList(await this.counting.next());
  }

  #isList(frame: string | ControlFrame): boolean {
    if (typeof frame !== 'object' || frame.type !== 'bridge.locks') return false;
    assert.ok(payloadSchema(frame.type)(frame), JSON.stringify(frame));
    this.#list = said(frame);
    return true;
  }
}

function said({ data }: LocksFrame): string {
  return data.locks.map(({ name, user }) => `${name} ${user}`).join();
}

async function granted(answer: Promise<readonly unknown[]>): Promise<number> {
  const [type, token] = await answer;
  assert.equal(type, 'bridge.locked');
  return token as number;
}

const LOCKED = ['LOCKED', undefined];
const FREED = ['bridge.unlocked', 'freed'];

describe.each(TOPOLOGIES)('on %s, a route with locks', (_topology, startTopology) => {
  let redis: TestRedis;
  let bridges: TestBridge[];
  const start = async (env: Readonly<Record<string, string>> = {}): Promise<TestBridge> => {
    const bridge = await startBridge(redis.url, { ...ENV, ...env });
    bridges.push(bridge);
    await eventually(async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200);
    return bridge;
  };

  beforeAll(async () => {
    redis = await startTopology();
  });
  beforeEach(() => {
    bridges = [];
  });
  afterEach(async () => {
    for (const { bridge } of bridges) {
      await bridge.close();
      assert.deepEqual(bridge.openState(), EMPTY);
    }
    await redis.flush();
  });
  afterAll(() => redis.stop());

  it('is granted to one holder at a time over all bridges, and to nobody by the holder of another', async () => {
    const [here, there] = [await start(), await start()];
    const [ana, bob] = [await Locker.connect(here.url, ANA), await Locker.connect(there.url, BOB)];
    const [other, eve] = [
      await Locker.connect(there.url, ANA),
      await Locker.connect(there.url, { tenant: 'evil', user: 'ana' }),
    ];
    const first = await granted(ana.ask('lock', 'B7', 'h1'));
    expect(await bob.ask('lock', 'B7', 'h1')).toEqual(LOCKED);
    expect(await other.ask('lock', 'B7', 'h2')).toEqual(LOCKED);
    expect(await bob.ask('unlock', 'B7')).toEqual(FREED);
    expect(await bob.ask('lock', 'B7')).toEqual(LOCKED);
    await granted(eve.ask('lock', 'B7', 'h1'));
    expect(await ana.ask('unlock', 'B7')).toEqual(FREED);
    expect(await granted(bob.ask('lock', 'B7'))).toBeGreaterThan(first);
    await Promise.all([ana, bob, other, eve].map(({ counting }) => counting.client.close()));
  });

  it('tells everybody at the document who holds what, readers and event streams too, and plain clients nothing', async () => {
    const [here, there] = [await start(), await start()];
    const ana = await Locker.connect(here.url, ANA);
    const reader = await Locker.connect(there.url, { ...BOB, access: 'read' });
    const plain = await connect(there.url + PATH, BOB);
    await granted(ana.ask('lock', 'B7'));
    await reader.until('B7 ana');
    const stream = await openStream(there.url + PATH, await headersFor({ ...BOB, path: PATH }));
    expect((await stream.next()).type).toBe('ready');
    const { type, data } = await stream.next();
    expect([type, JSON.parse(data)]).toEqual(['locks', { locks: [{ name: 'B7', user: 'ana' }] }]);
    await ana.counting.client.close();
    await reader.until('');
    expect(plain.kept).toBe(0);
    await Promise.all([reader.counting.client.close(), plain.close(), stream.cut()]);
  });

  it('refuses a reader', async () => {
    const { url } = await start();
    const reader = await Locker.connect(url, { ...BOB, access: 'read' });
    expect(await reader.ask('lock', 'B7')).toEqual(['READ_ONLY', undefined]);
    expect(await redis.keys('ws:lock:*')).toEqual([]);
    await reader.counting.client.close();
  });

  it('refuses what is malformed, and leaves locks to clients of bridge.v1 and to routes that ask for them', async () => {
    const { url } = await start();
    const ana = await Locker.connect(url, ANA);
    ana.counting.send('{"type":"bridge.lock","data":{"name":""}}');
    expect(await ana.next()).toMatchObject({ type: 'bridge.error', data: { code: 'INVALID_LOCK' } });
    ana.counting.send('{"type":"bridge.locks"}');
    expect(await ana.next()).toMatchObject({ data: { code: 'RESERVED' } });
    const message = '{"type":"bridge.lock","data":{"name":"B7"}}';
    const plain = await connect(url + PATH, BOB);
    plain.socket.send(message);
    expect(await plain.nextJson()).toMatchObject({ type: 'error', data: { code: 'RESERVED' } });
    const bare = await connectCounting(`${url}/ws/bare/1`, BOB);
    bare.send(message);
    expect(await bare.next()).toMatchObject({ data: { code: 'RESERVED' } });
    await Promise.all([ana.counting.client.close(), plain.close(), bare.client.close()]);
  });

  it('takes no message about a lock by POST', async () => {
    const { url } = await start();
    const response = await fetch(url.replace('ws', 'http') + PATH, {
      method: 'POST',
      headers: { ...(await headersFor({ ...ANA, path: PATH })), 'Content-Type': 'application/json' },
      body: '{"type":"bridge.lock","data":{"name":"B7"}}',
    });
    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'RESERVED' }),
    ]);
  });

  it('charges a message about a lock as a command, and relays on', async () => {
    const bridge = await start({
      BRIDGE_COMMAND_BYTES_PER_SECOND: '1',
      BRIDGE_COMMAND_BYTES_BURST: '150',
      BRIDGE_MESSAGE_BURST: '20',
    });
    const [ana, bob] = [await Locker.connect(bridge.url, ANA), await Locker.connect(bridge.url, BOB)];
    await granted(ana.ask('lock', 'a'));
    await granted(ana.ask('lock', 'b'));
    await granted(ana.ask('lock', 'c'));
    expect(await ana.ask('lock', 'd')).toEqual(['TOO_MANY_MESSAGES', undefined]);
    ana.counting.send('x'.repeat(1000));
    expect(await bob.next()).toBe('x'.repeat(1000));
    for (let i = 0; i < 20; i += 1) ana.counting.send('{"type":"bridge.unlock","data":{"name":"a"}}');
    expect(await ana.counting.client.closed).toBe(4429);
    expect(floods(bridge)).toEqual([{ route: 'doc', tenant: 'acme', user: 'ana', over: 'socket_bytes' }]);
    await bob.counting.client.close();
  });

  it('is kept for the one who was cut, and comes back to another bridge with the frames that were missed', async () => {
    const [here, there] = [await start(KEPT), await start(KEPT)];
    const [ana, bob] = [await Locker.connect(here.url, ANA), await Locker.connect(there.url, BOB)];
    const token = await granted(ana.ask('lock', 'B7', 'h1'));
    bob.counting.send('one');
    expect(await ana.next()).toBe('one');
    await ana.counting.client.cut();
    expect(await bob.ask('lock', 'B7')).toEqual(LOCKED);
    bob.counting.send('two');
    const back = await Locker.connect(there.url, ANA, ana.counting.point);
    expect([back.counting.ready.resumed, await back.next()]).toEqual([true, 'two']);
    expect(await granted(back.ask('lock', 'B7', 'h1'))).toBeGreaterThan(token);
    await bob.until('B7 ana');
    await Promise.all([back, bob].map(({ counting }) => counting.client.close()));
  });

  it('is kept through a drain, and freed at once for a page that goes away and by a revocation', async () => {
    const [here, there] = [await start({ ...KEPT, BRIDGE_DRAIN_MS: '0' }), await start(KEPT)];
    const bob = await Locker.connect(there.url, BOB);
    const ana = await Locker.connect(here.url, ANA);
    await granted(ana.ask('lock', 'B7', 'h1'));
    void here.bridge.drain();
    expect(await ana.counting.client.closed).toBe(1012);
    expect(await bob.ask('lock', 'B7')).toEqual(LOCKED);
    const back = await Locker.connect(there.url, ANA);
    await granted(back.ask('lock', 'B7', 'h1'));
    await bob.until('B7 ana');
    back.counting.client.socket.close(1001);
    await back.counting.client.closed;
    await bob.until('');
    await granted(bob.ask('lock', 'B7', 'h2'));
    await redis.publish('ws:control', '{"type":"revoke","tenant":"acme","user":"bob"}');
    expect(await bob.counting.client.closed).toBe(4401);
    const last = await Locker.connect(there.url, ANA);
    await granted(last.ask('lock', 'B7'));
    await last.counting.client.close();
  });

  it('is freed at once by a revocation, also while its client takes its time to close', async () => {
    const { url, adminUrl } = await start();
    const [ana, bob] = [await Locker.connect(url, ANA), await Locker.connect(url, BOB)];
    await granted(bob.ask('lock', 'B7', 'h1'));
    await ana.until('B7 bob');
    const { client } = bob.counting;
    client.socket.pause();
    await redis.publish('ws:control', '{"type":"revoke","tenant":"acme","user":"bob"}');
    await ana.until('');
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/^ws_bridge_connections\{.*route="doc".*\} 2$/m);
    client.socket.resume();
    expect(await client.closed).toBe(4401);
    await ana.counting.client.close();
  });

  it('is free when the lease is over after its bridge was killed, and everybody is told', async () => {
    // Long enough that it is not over before the first answer.
    const env = { ...PATIENT, ...ENV, BRIDGE_LOCK_LEASE_MS: '6000' };
    const dead = await BridgeProcess.start(redis.url, env);
    await eventually(() => dead.isReady());
    const { url } = await start(env);
    const bob = await Locker.connect(url, BOB);
    const ana = await Locker.connect(`ws://127.0.0.1:${dead.port}`, ANA);
    await granted(ana.ask('lock', 'B7', 'h1'));
    await bob.until('B7 ana');
    dead.signal('SIGKILL');
    await Promise.all([dead.ended, ana.counting.client.closed]);
    expect(await bob.ask('lock', 'B7')).toEqual(LOCKED);
    await bob.until('');
    await granted(bob.ask('lock', 'B7'));
    await bob.counting.client.close();
  });

  it('is told lost when its bridge was stopped for longer than the lease', async () => {
    const env = { ...PATIENT, ...ENV, BRIDGE_LOCK_LEASE_MS: '6000' };
    const stalled = await BridgeProcess.start(redis.url, env);
    await eventually(() => stalled.isReady());
    const { url } = await start(env);
    const bob = await Locker.connect(url, BOB);
    const ana = await Locker.connect(`ws://127.0.0.1:${stalled.port}`, ANA);
    const token = await granted(ana.ask('lock', 'B7', 'h1'));
    await bob.until('B7 ana');
    stalled.signal('SIGSTOP');
    await bob.until('');
    expect(await granted(bob.ask('lock', 'B7'))).toBeGreaterThan(token);
    stalled.signal('SIGCONT');
    expect(await ana.next()).toEqual({ type: 'bridge.unlocked', data: { name: 'B7', reason: 'lost' } });
    expect(await ana.ask('lock', 'B7', 'h1')).toEqual(LOCKED);
    await ana.counting.client.close();
    stalled.signal('SIGKILL');
    await stalled.ended;
    await bob.counting.client.close();
  });

  it('tells no client what bridges say of locks, nor takes the word of a client for it', async () => {
    const { url } = await start();
    const [ana, bob] = [await Locker.connect(url, ANA), await Locker.connect(url, BOB)];
    const forged = sealLocksChanged(Buffer.alloc(16, 7));
    bob.counting.client.socket.send(forged);
    expect(await ana.next()).toBe(forged.toString('utf8'));
    await granted(bob.ask('lock', 'B7'));
    await ana.until('B7 bob');
    expect(ana.counting.client.kept).toBe(0);
    await Promise.all([ana, bob].map(({ counting }) => counting.client.close()));
  });
});
