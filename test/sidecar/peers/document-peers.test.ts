import { openPeers } from '../../../sidecar/fanout/peer-envelope';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';
import { DocumentPeers, MAX_BRIDGES } from '../../../sidecar/peers/document-peers';
import {
  MAX_USER_BYTES,
  MAX_USERS,
  readBridgePeers,
  type BridgePeers,
} from '../../../sidecar/peers/peer-list';

const LEASE_MS = 3000;
const TICK_MS = 250;

/** Bridges at one document, which hear one another. */
class Stage {
  readonly published: BridgePeers[] = [];
  readonly wheel = new TimerWheel(TICK_MS, 64, 0);
  /** Redis takes no words of bridges. */
  isDumb = false;
  readonly #bridges: DocumentPeers[] = [];
  #nowMs = 0;

  bridge(leaseMs = LEASE_MS): DocumentPeers {
    const peers = new DocumentPeers('doc', {
      publish: (_channel, message) => {
        if (this.isDumb) return Promise.reject(new Error('away'));
        if (this.#bridges.includes(peers)) this.hear(message as Buffer);
        return Promise.resolve(1);
      },
      wheel: this.wheel,
      monotonicMs: () => this.#nowMs,
      bridge: Buffer.alloc(16, this.#bridges.length + 1),
      leaseMs,
    });
    this.#bridges.push(peers);
    return peers;
  }

  /** A message comes to all bridges. */
  hear(message: Buffer): void {
    const { bridge, payload } = openPeers(message) ?? {};
    if (bridge === undefined || payload === undefined) throw new Error('expected a list of peers');
    this.published.push(JSON.parse(payload.toString()) as BridgePeers);
    for (const one of this.#bridges) one.peersTold(bridge, payload);
  }

  kill(peers: DocumentPeers): void {
    this.#bridges.splice(this.#bridges.indexOf(peers), 1);
  }

  pass(ms: number): void {
    for (let left = ms; left > 0; left -= TICK_MS) {
      this.#nowMs += TICK_MS;
      this.wheel.advance(this.#nowMs);
    }
  }
}

/** A client of `bridge.v1`. @returns the lists that it got */
function client(peers: DocumentPeers, user: string) {
  const got: string[] = [];
  const told = (frame: string): void => {
    const { type, data } = JSON.parse(frame) as { type: string; data: BridgePeers };
    expect(frame.startsWith('{"type":"bridge.')).toBe(true);
    expect(type).toBe('bridge.peers');
    got.push(`${data.users.join()} ${data.count}`);
  };
  peers.enter(user, told);
  return {
    got,
    leave: (): void => {
      peers.leave(user, told);
    },
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});

describe('a client at a document', () => {
  it('is told who is there when it comes, and on each change, plain clients among them', () => {
    const peers = stage.bridge();
    const ana = client(peers, 'ana');
    stage.pass(TICK_MS);
    const bob = client(peers, 'bob');
    peers.enter('bob', undefined);
    stage.pass(1000);
    bob.leave();
    stage.pass(1000);
    expect(ana.got).toEqual(['ana 1', 'ana,bob 3', 'ana,bob 2']);
    expect(bob.got).toEqual(['ana,bob 3']);
  });

  it('is told at most once a second, however many come and go', () => {
    const peers = stage.bridge();
    const ana = client(peers, 'ana');
    for (let i = 0; i < 40; i += 1) {
      const other = client(peers, `u${i}`);
      stage.pass(TICK_MS);
      if (i % 2 === 0) other.leave();
    }
    stage.pass(1000);
    expect(ana.got.length).toBeLessThanOrEqual(11);
    expect(ana.got.at(-1)).toContain(' 21');
    expect(stage.published.length).toBeLessThanOrEqual(11);
  });

  it('is not told again what it knows', () => {
    const peers = stage.bridge();
    const ana = client(peers, 'ana');
    stage.pass(TICK_MS);
    client(peers, 'bob').leave();
    stage.pass(1000);
    expect(ana.got).toEqual(['ana 1']);
  });

  it('is shown no more users and bytes than a list has room for, and how many there are', () => {
    const peers = stage.bridge();
    for (let i = 0; i < 2 * MAX_USERS; i += 1) peers.enter(`u${i}`, undefined);
    const got: { users: string[]; count: number }[] = [];
    peers.enter('long', (frame) => got.push((JSON.parse(frame) as { data: (typeof got)[0] }).data));
    stage.pass(TICK_MS);
    expect([got[0]?.users.length, got[0]?.count]).toEqual([MAX_USERS, 2 * MAX_USERS + 1]);
    const long = stage.bridge();
    for (let i = 0; i < 50; i += 1) long.enter(`${i}`.padStart(256, 'é'), undefined);
    stage.pass(TICK_MS);
    const { users, count } = stage.published.at(-1) ?? { users: [], count: 0 };
    expect([Buffer.byteLength(users.join('')) <= MAX_USER_BYTES, count]).toEqual([true, 50]);
  });
});

describe('clients at a document on several bridges', () => {
  it('are told of each other, within two seconds, and of the last one that leaves a bridge', () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const ana = client(here, 'ana');
    stage.pass(1000);
    const bob = client(there, 'bob');
    stage.pass(2000);
    expect([ana.got.at(-1), bob.got.at(-1)]).toEqual(['ana,bob 2', 'ana,bob 2']);
    bob.leave();
    stage.pass(1000);
    expect(ana.got.at(-1)).toBe('ana 1');
    expect(stage.published).toContainEqual({ users: [], count: 0 });
  });

  it('are told of each other as fast where a lease is long, because one that comes asks', () => {
    client(stage.bridge(60_000), 'ana');
    stage.pass(1000);
    const bob = client(stage.bridge(60_000), 'bob');
    stage.pass(2000);
    expect(bob.got.at(-1)).toBe('ana,bob 2');
  });

  it('stay in the list for as long as they are there, whatever the lease', () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const ana = client(here, 'ana');
    client(there, 'bob');
    stage.pass(10 * LEASE_MS);
    expect(ana.got.at(-1)).toBe('ana,bob 2');
  });

  it('of a bridge that died are gone when its lease is over', () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const ana = client(here, 'ana');
    client(there, 'bob');
    stage.pass(2000);
    stage.kill(there);
    stage.pass(LEASE_MS / 3);
    expect(ana.got.at(-1)).toBe('ana,bob 2');
    stage.pass(LEASE_MS + 1000);
    expect(ana.got.at(-1)).toBe('ana 1');
  });

  it('are asked for again when the subscription was lost', () => {
    const peers = stage.bridge();
    client(peers, 'ana');
    stage.pass(1000);
    peers.restored();
    stage.pass(1000);
    expect(stage.published.map(({ asks }) => asks)).toEqual([true, true]);
  });

  it('are told of each other though the first words of their bridges were lost', async () => {
    const [here, there] = [stage.bridge(60_000), stage.bridge(60_000)];
    stage.isDumb = true;
    const [ana, bob] = [client(here, 'ana'), client(there, 'bob')];
    stage.pass(1000);
    await settled();
    stage.isDumb = false;
    stage.pass(2000);
    expect([ana.got.at(-1), bob.got.at(-1)]).toEqual(['ana,bob 2', 'ana,bob 2']);
    expect(stage.published.some(({ asks }) => asks)).toBe(true);
  });

  it('cost nothing more when the last one has left before a word that was lost is said again', async () => {
    const peers = stage.bridge();
    stage.isDumb = true;
    const ana = client(peers, 'ana');
    stage.pass(TICK_MS);
    ana.leave();
    await settled();
    stage.isDumb = false;
    stage.pass(LEASE_MS);
    expect([stage.published, stage.wheel.size]).toEqual([[], 0]);
  });

  it('cost nothing more while there is one bridge alone', () => {
    client(stage.bridge(), 'ana');
    stage.pass(10 * LEASE_MS);
    expect(stage.published).toHaveLength(1);
  });
});

describe('what another bridge says', () => {
  it.each([
    '',
    'null',
    '[]',
    '{"users":"ana","count":1}',
    '{"users":[1],"count":1}',
    '{"users":[],"count":-1}',
    '{"users":[],"count":1.5}',
    '{"users":[]}',
  ])('is ignored when it is %j', (text) => {
    expect(readBridgePeers(Buffer.from(text))).toBeUndefined();
  });

  it('is cut to what a list has room for', () => {
    const users = Array.from({ length: 1000 }, (_, i) => `u${i}`);
    const read = readBridgePeers(Buffer.from(JSON.stringify({ users, count: 1000 })));
    expect([read?.users.length, read?.count]).toEqual([MAX_USERS, 1000]);
  });

  it('is remembered of so many bridges and no more', () => {
    const peers = stage.bridge();
    const ana = client(peers, 'ana');
    for (let i = 0; i < 2 * MAX_BRIDGES; i += 1) {
      const bridge = Buffer.alloc(16, 9);
      bridge.writeUInt32BE(i);
      peers.peersTold(bridge, Buffer.from('{"users":["x"],"count":1}'));
    }
    stage.pass(TICK_MS);
    expect(ana.got.at(-1)).toBe(`ana,x ${MAX_BRIDGES + 1}`);
  });
});

it('leaves no deadline behind when the last one has left', () => {
  const [here, there] = [stage.bridge(), stage.bridge()];
  const [ana, bob] = [client(here, 'ana'), client(there, 'bob')];
  stage.pass(2000);
  ana.leave();
  bob.leave();
  expect([stage.wheel.size, here.isEmpty]).toEqual([0, true]);
});
