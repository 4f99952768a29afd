import { deliver, tellRefused, type Receiver } from '../../../sidecar/fanout/deliver';
import type { Frame } from '../../../sidecar/fanout/frame';
import { sealEnvelope, sealLocksChanged, sealPeers } from '../../../sidecar/fanout/peer-envelope';

class Inbox {
  readonly got: [string, boolean][] = [];
  readonly shared: boolean[] = [];
  readonly senderId: Buffer | undefined;
  constructor(senderId?: Buffer) {
    this.senderId = senderId;
  }
  deliver({ payload, binary, isShared }: Frame): void {
    this.got.push([payload.toString('latin1'), binary]);
    this.shared.push(isShared);
  }
}

const A = Buffer.alloc(16, 1);
const B = Buffer.alloc(16, 2);

describe('delivery', () => {
  it("sends a service's message to all, text when it is UTF-8 and binary otherwise", () => {
    const inboxes = [new Inbox(), new Inbox(A)];
    deliver(Buffer.from('{}'), new Set(inboxes));
    deliver(Buffer.alloc(0), new Set(inboxes));
    deliver(Buffer.of(0xc3, 0x28), new Set(inboxes));
    for (const { got } of inboxes) {
      expect(got).toEqual([
        ['{}', false],
        ['', false],
        ['\xc3\x28', true],
      ]);
    }
  });

  it("sends a peer's message as it came to every peer but its sender", () => {
    const [a, b] = [new Inbox(A), new Inbox(B)];
    deliver(sealEnvelope({ sender: A, binary: true, payload: Buffer.from('bin') }), new Set([a, b]));
    deliver(sealEnvelope({ sender: B, binary: false, payload: Buffer.from('txt') }), new Set([a, b]));
    expect(a.got).toEqual([['txt', false]]);
    expect(b.got).toEqual([['bin', true]]);
  });

  it("tells a bridge's word on its peers to who takes it, and to no client", () => {
    const inboxes = [new Inbox(), new Inbox(A)];
    const told: [Buffer, string][] = [];
    const taker = Object.assign(new Inbox(B), {
      peersTold: (bridge: Buffer, payload: Buffer) => told.push([bridge, payload.toString()]),
    });
    deliver(sealPeers(B, Buffer.from('{}')), new Set([...inboxes, taker]));
    expect(told).toEqual([[B, '{}']]);
    expect([...inboxes, taker].map(({ got }) => got)).toEqual([[], [], []]);
  });

  it("tells a bridge's word on locks to who takes it, and to no client", () => {
    const inboxes = [new Inbox(), new Inbox(A)];
    const told: Buffer[] = [];
    const taker = Object.assign(new Inbox(B), { locksChanged: (bridge: Buffer) => told.push(bridge) });
    deliver(sealLocksChanged(B), new Set([...inboxes, taker]));
    expect(told).toEqual([B]);
    expect([...inboxes, taker].map(({ got }) => got)).toEqual([[], [], []]);
  });

  it.each([
    ["a service's", Buffer.from('{}')],
    ["a peer's", sealEnvelope({ sender: Buffer.alloc(16, 3), binary: false, payload: Buffer.from('x') })],
  ])('says of %s message whether it goes to several', (_, message) => {
    const [alone, one, other] = [new Inbox(A), new Inbox(A), new Inbox(B)];
    deliver(message, new Set([alone]));
    deliver(message, new Set([one, other]));
    expect([alone, one, other].map(({ shared }) => shared)).toEqual([[false], [true], [true]]);
  });

  it("takes no other message for a bridge's word", () => {
    const told: string[] = [];
    const taker = Object.assign(new Inbox(B), {
      peersTold: () => told.push('peers'),
      locksChanged: () => told.push('locks'),
    });
    const messages = [
      Buffer.of(0xc3, 0x28),
      Buffer.alloc(40, 0xff),
      sealEnvelope({ sender: A, binary: true, payload: Buffer.from('x') }),
    ];
    for (const message of messages) deliver(message, new Set([taker]));
    expect(told).toEqual([]);
    expect(taker.got).toHaveLength(3);
  });

  it('drops an envelope that is cut short', () => {
    const a = new Inbox(A);
    const envelope = sealEnvelope({ sender: B, binary: true, payload: Buffer.alloc(0) });
    deliver(envelope.subarray(0, 20), new Set([a]));
    expect(a.got).toEqual([]);
  });

  it('leaves an envelope alone on a route without peers', () => {
    const inbox = new Inbox();
    const envelope = sealEnvelope({ sender: B, binary: false, payload: Buffer.from('x') });
    deliver(envelope, new Set([inbox]));
    expect(inbox.got).toEqual([[envelope.toString('latin1'), true]]);
  });
});

describe('a channel that Redis does not allow any longer', () => {
  it('is told to everybody who heard it and wants to know, though they leave meanwhile', () => {
    const told: string[] = [];
    const receivers = new Set<Receiver>();
    for (const name of ['a', 'b', 'c']) {
      const receiver: Receiver = Object.assign(new Inbox(), {
        refused: () => {
          told.push(name);
          receivers.clear();
        },
      });
      receivers.add(receiver).add(new Inbox());
    }
    tellRefused(receivers);
    expect(told).toEqual(['a', 'b', 'c']);
  });
});
