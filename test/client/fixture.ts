import { ChatClient, type ChatOptions } from '../../client/src/chat.ts';
import { BridgeClient } from '../../client/src/client.ts';
import { BridgeClientError } from '../../client/src/errors.ts';
import type { ClientOptions } from '../../client/src/options.ts';
import type { Surroundings } from '../../client/src/surroundings.ts';
import { FakeBridge } from './fake-bridge';
import { FakeClock, settled } from './fake-clock';
import { FakeNetwork } from './fake-network';

/** Surroundings that the test changes. */
export class FakeSurroundings implements Surroundings {
  online = true;
  visible = true;
  readonly listeners = new Set<(change: 'online' | 'offline' | 'visible') => void>();

  listen(listener: (change: 'online' | 'offline' | 'visible') => void, signal: AbortSignal): void {
    this.listeners.add(listener);
    signal.addEventListener('abort', () => this.listeners.delete(listener));
  }

  async tell(change: 'online' | 'offline' | 'visible'): Promise<void> {
    this.online = change === 'visible' ? this.online : change === 'online';
    for (const listener of this.listeners) listener(change);
    await settled();
  }
}

/** A client, its bridge, and all that is around them. */
export interface Rig<Client extends BridgeClient = BridgeClient> {
  readonly client: Client;
  readonly bridge: FakeBridge;
  readonly network: FakeNetwork;
  readonly clock: FakeClock;
  readonly surroundings: FakeSurroundings;
  /** The application was told these: numbers of frames, `gap`, changes of the state. */
  readonly told: (number | string)[];
}

/** A client that has just been made; `random` is 0.5 unless the options say otherwise. */
export function startRig(
  options: Partial<ClientOptions> = {},
  ...around: Around<BridgeClient>
): Promise<Rig> {
  return start((all) => new BridgeClient({ ...all, ...options }), ...around);
}

/** As {@link startRig}, with the client of a chat. */
export function startChat(
  options: Partial<ChatOptions> = {},
  ...around: Around<ChatClient>
): Promise<Rig<ChatClient>> {
  return start((all) => new ChatClient({ ...all, ...options }), ...around);
}

type Around<Client> = [
  bridge?: FakeBridge,
  clock?: FakeClock,
  prepare?: (client: Client, network: FakeNetwork) => void,
];

async function start<Client extends BridgeClient>(
  make: (options: ClientOptions) => Client,
  bridge = new FakeBridge(),
  clock = new FakeClock(),
  prepare: (client: Client, network: FakeNetwork) => void = () => undefined,
): Promise<Rig<Client>> {
  const network = new FakeNetwork(bridge);
  const surroundings = new FakeSurroundings();
  const client = make({
    url: 'wss://gateway.test/ws/ai/chat',
    token: () => Promise.resolve('token'),
    WebSocket: network.WebSocket,
    // As where the gateway is away, or is another origin without CORS.
    fetch: () => Promise.reject(new TypeError('Failed to fetch')),
    clock,
    surroundings,
    random: () => 0.5,
  });
  const told: (number | string)[] = [];
  let last: string | undefined;
  client.on('state', (state) => {
    if (state !== last) told.push((last = state));
  });
  client.on('frame', (frame) => told.push(numberOf(frame)));
  client.on('gap', () => told.push('gap'));
  prepare(client, network);
  await settled();
  return { client, bridge, network, clock, surroundings, told };
}

/** Lets each of the rig's timers ring that is due within a minute, until the client is open. */
export async function reopened({ client, clock }: Rig): Promise<void> {
  for (let round = 0; client.state !== 'open' && round < 60; round += 1) await clock.advance(1_000);
  expect(client.state).toBe('open');
}

/** The code that a promise is rejected with. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const cause: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(cause).toBeInstanceOf(BridgeClientError);
  return (cause as BridgeClientError).code;
}

/** A data frame with a number. */
export function numbered(index: number): string {
  return JSON.stringify({ type: 'token', data: { token: `t${index}`, index } });
}

/** A token that expires so many milliseconds after this time. */
export function tokenOf(expMs: number): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256' })}.${part({ sub: 'ü>?', exp: expMs / 1000 })}.c2ln`;
}

function numberOf(frame: unknown): number | string {
  const { type, data } = frame as {
    readonly type: string;
    readonly data: { readonly index?: number } | null;
  };
  return data?.index ?? type;
}
