import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import type { PeersFrame } from '../../../protocol/frames';
import { sealPeers } from '../../../sidecar/fanout/peer-envelope';
import { BridgeProcess } from '../../fault/bridge-process';
import { openStream } from '../../fakes/event-source';
import { makeOwnFolder } from '../../fakes/own-folder';
import {
  connect,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  PATIENT,
  startBridge,
  type CountingClient,
  type TestBridge,
} from '../fixture';
import { TOPOLOGIES, type TestRedis } from '../topologies';

const ANA = { tenant: 'acme', user: 'ana' };
const BOB = { tenant: 'acme', user: 'bob' };
const EVE = { tenant: 'evil', user: 'eve' };
const PATH = '/ws/collaboration/d1';

jest.setTimeout(60_000);

function routesFile(): string {
  const file = join(makeOwnFolder('routes-').path, 'routes.json');
  const route = { name: 'doc', path: '/ws/collaboration/{id}', channels: ['{tenant}:collaboration:{id}'] };
  writeFileSync(file, JSON.stringify({ routes: [{ ...route, messages: 'relay', peers: true }] }));
  return file;
}

const ENV = { BRIDGE_ROUTES_FILE: routesFile() };

/** Reads until a list says this. @returns the other frames on the way */
async function until(client: CountingClient, users: string, count: number): Promise<readonly unknown[]> {
  const others: unknown[] = [];
  for (;;) {
    const frame = await client.next();
    if (typeof frame === 'string' || frame.type !== 'bridge.peers') others.push(frame);
    else if (frame.data.users.includes('ghost')) throw new Error('expected nobody who is not there');
    else if (frame.data.users.join() === users && frame.data.count === count) return others;
  }
}

/** The next frame that is no list of peers. */
async function dataOf(client: CountingClient): Promise<unknown> {
  const frame = await client.next();
  return typeof frame === 'string' || frame.type !== 'bridge.peers' ? frame : dataOf(client);
}

describe.each(TOPOLOGIES)('on %s, a route with peers', (_topology, startTopology) => {
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
  });
  afterAll(() => redis.stop());

  it('tells who is at the document over all bridges and transports, and when they leave', async () => {
    const [here, there] = [await start(), await start()];
    const ana = await connectCounting(here.url + PATH, ANA);
    await until(ana, 'ana', 1);
    const bob = await connectCounting(there.url + PATH, BOB);
    const stream = await openStream(there.url + PATH, await headersFor({ ...BOB, path: PATH }));
    const plain = await connect(here.url + PATH, { ...ANA, user: 'carl' });
    await Promise.all([ana, bob].map((client) => until(client, 'ana,bob,carl', 4)));
    expect((await stream.next()).type).toBe('ready');
    const { type, data } = await stream.next();
    expect([type, (JSON.parse(data) as PeersFrame['data']).users]).toEqual(['peers', expect.any(Array)]);
    await Promise.all([plain.close(), stream.cut(), bob.client.cut()]);
    await until(ana, 'ana', 1);
    expect(plain.kept).toBe(0);
    await ana.client.close();
  });

  it('forgets the peers of a bridge that was killed', async () => {
    const lease = { BRIDGE_CONNECTION_LEASE_MS: '6000' };
    const dead = await BridgeProcess.start(redis.url, { ...PATIENT, ...ENV, ...lease });
    await eventually(() => dead.isReady());
    const { url, bridge } = await start(lease);
    const bob = await connect(`ws://127.0.0.1:${dead.port}${PATH}`, BOB);
    const ana = await connectCounting(url + PATH, ANA);
    await until(ana, 'ana,bob', 2);
    dead.signal('SIGKILL');
    await Promise.all([dead.ended, bob.closed]);
    await until(ana, 'ana', 1);
    expect(bridge.openState()).toMatchObject({ connections: 1, documents: 1 });
    await ana.client.close();
  });

  it('shows nobody of another tenant, and no one that a client makes up', async () => {
    const { url } = await start();
    const [eve, ana] = [await connectCounting(url + PATH, EVE), await connectCounting(url + PATH, ANA)];
    await until(ana, 'ana', 1);
    const forged = sealPeers(Buffer.alloc(16, 7), Buffer.from('{"users":["ghost"],"count":5}'));
    const bob = await connectCounting(url + PATH, BOB);
    bob.client.socket.send(forged);
    bob.send('{"type":"bridge.peers","data":{"users":["ghost"],"count":5}}');
    await eventually(() => bob.client.kept > 0);
    const others = [...(await until(ana, 'ana,bob', 2))];
    await bob.client.close();
    others.push(...(await until(ana, 'ana', 1)));
    expect(others).toEqual([forged.toString('utf8')]);
    await until(eve, 'eve', 1);
    expect(eve.client.kept).toBe(0);
    await Promise.all([eve.client.close(), ana.client.close()]);
  });

  it('counts nothing: who resumes misses no frame for it, and gets none twice', async () => {
    const [here, there] = [await start(), await start()];
    const ana = await connectCounting(here.url + PATH, ANA);
    const bob = await connect(there.url + PATH, BOB);
    await until(ana, 'ana,bob', 2);
    bob.socket.send('one');
    expect(await dataOf(ana)).toBe('one');
    await ana.client.cut();
    bob.socket.send('two');
    const back = await connectCounting(here.url + PATH, ANA, ana.point);
    expect([back.ready.resumed, await dataOf(back)]).toEqual([true, 'two']);
    await Promise.all([back.client.close(), bob.close()]);
  });
});
