import { WebSocket, type ClientOptions } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import { Doc } from 'yjs';
import type { OpenState } from '../../sidecar/bridge';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { EMPTY, eventually, startBridge, type TestBridge } from '../sidecar/fixture';
import { FaultyGateway } from './gateway';
import { randomFrom } from './random';
import { tokenOf } from './token';

let redis: RedisServer;
let bridges: readonly TestBridge[];
let gateways: readonly FaultyGateway[];
let providers: WebsocketProvider[];

// Node 20 has none, and y-websocket reads a constant from it.
Object.assign(globalThis, { WebSocket });

beforeEach(async () => {
  redis = await startRedis();
  bridges = await Promise.all([startBridge(redis.url), startBridge(redis.url)]);
  gateways = await Promise.all(bridges.map(gatewayBefore));
  providers = [];
});
afterEach(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await Promise.all(bridges.map(({ bridge }) => bridge.close()));
  await redis.stop();
});

/** Lets every provider go. @returns what the bridges hold then */
async function left(): Promise<readonly OpenState[]> {
  for (const provider of providers) {
    provider.destroy();
    provider.awareness.destroy();
  }
  await eventually(() => bridges.every(({ bridge }) => bridge.openState().connections === 0));
  return bridges.map(({ bridge }) => bridge.openState());
}

async function gatewayBefore({ url, adminUrl }: TestBridge): Promise<FaultyGateway> {
  const gateway = await FaultyGateway.start(randomFrom(1));
  await gateway.add({ port: Number(new URL(url).port), adminPort: Number(new URL(adminUrl).port) });
  return gateway;
}

/** y-websocket's provider as it is, a plain client, whose token is in a header. */
function edit(index: number, user: string): { readonly doc: Doc; readonly provider: WebsocketProvider } {
  const token = tokenOf({ tenant: 'acme', user, exp: Date.now() / 1000 + 900 });
  class AuthorizedSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { headers: { Authorization: `Bearer ${token}` } } satisfies ClientOptions);
    }
  }
  const doc = new Doc();
  const provider = new WebsocketProvider(`${gateways[index]?.url ?? ''}/ws/collaboration`, 'plan', doc, {
    WebSocketPolyfill: AuthorizedSocket as unknown as typeof globalThis.WebSocket,
    // Without it both would talk in this process, and no bridge would be asked.
    disableBc: true,
    // Peers answer what they are asked; only who asks again learns what another wrote while it was away.
    resyncInterval: 200,
  });
  providers.push(provider);
  return { doc, provider };
}

async function connected(...all: readonly { readonly provider: WebsocketProvider }[]): Promise<void> {
  await eventually(() => all.every(({ provider }) => provider.wsconnected));
}

const textOf = ({ doc }: { readonly doc: Doc }): string => doc.getText('body').toJSON();

describe("two of y-websocket's providers, each at another bridge", () => {
  it('edit one document at the same time and converge', async () => {
    const [alice, bob] = [edit(0, 'alice'), edit(1, 'bob')];
    await connected(alice, bob);
    for (let n = 0; n < 50; n += 1) {
      alice.doc.getText('body').insert(0, `a${n} `);
      bob.doc.getText('body').insert(0, `b${n} `);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const whole = 100 * 3 + 2 * 40;
    await eventually(() => [alice, bob].every((each) => textOf(each).length === whole));
    expect(textOf(alice)).toBe(textOf(bob));
    expect(await left()).toEqual([EMPTY, EMPTY]);
  });

  it('converge after one of them was cut off and both went on editing', async () => {
    const [alice, bob] = [edit(0, 'alice'), edit(1, 'bob')];
    await connected(alice, bob);
    alice.doc.getText('body').insert(0, 'both ');
    await eventually(() => textOf(bob) === 'both ');
    bob.provider.disconnect();
    alice.doc.getText('body').insert(0, 'alice ');
    bob.doc.getText('body').insert(0, 'bob ');
    bob.provider.connect();
    await eventually(() => [alice, bob].every((each) => textOf(each).length === 'both alice bob '.length));
    expect(textOf(alice)).toBe(textOf(bob));
    expect(await left()).toEqual([EMPTY, EMPTY]);
  });

  it('see where the other one is', async () => {
    const [alice, bob] = [edit(0, 'alice'), edit(1, 'bob')];
    await connected(alice, bob);
    alice.provider.awareness.setLocalStateField('cursor', 7);
    const { clientID } = alice.doc;
    await eventually(() => bob.provider.awareness.getStates().get(clientID)?.['cursor'] === 7);
    expect(bob.provider.awareness.getStates().get(clientID)).toEqual({ cursor: 7 });
    expect(await left()).toEqual([EMPTY, EMPTY]);
  });
});
