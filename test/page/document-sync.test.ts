import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Doc } from 'yjs';
import { DocumentSync } from '../../dev/page/document-sync';

/** A route that relays each message to every other peer, and loses what comes to or from one that is away. */
class Relay {
  readonly peers: Peer[] = [];

  publish(message: Uint8Array, from: Peer): void {
    for (const peer of this.peers) if (peer !== from && !peer.away) peer.inbox.push(message);
  }

  /** Delivers until nothing is on its way. */
  settle(): void {
    while (this.peers.some(({ inbox }) => inbox.length > 0)) {
      for (const { inbox, sync } of this.peers) for (const message of inbox.splice(0)) sync.receive(message);
    }
  }
}

class Peer {
  readonly doc = new Doc();
  readonly inbox: Uint8Array[] = [];
  readonly sync: DocumentSync;
  away = false;

  constructor(relay: Relay) {
    relay.peers.push(this);
    this.sync = new DocumentSync(this.doc, (message) => {
      if (!this.away) relay.publish(message, this);
    });
  }

  get text(): string {
    return this.doc.getText('text').toJSON();
  }

  write(at: number, text: string): void {
    const shared = this.doc.getText('text');
    shared.insert(at % (shared.length + 1), text);
  }

  erase(at: number): void {
    const shared = this.doc.getText('text');
    if (shared.length > 0) shared.delete(at % shared.length, 1);
  }
}

const step = fc.record({
  peer: fc.nat(2),
  act: fc.constantFrom('write', 'erase', 'leave', 'return', 'deliver'),
  at: fc.nat(20),
});

describe('a document kept in sync', () => {
  it('is the same for every peer once all are back, whatever was lost before', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const relay = new Relay();
        const peers = [new Peer(relay), new Peer(relay), new Peer(relay)];
        for (const { peer: index, act, at } of steps) {
          const peer = peers[index];
          if (peer === undefined) continue;
          if (act === 'write') peer.write(at, `${index}`);
          if (act === 'erase') peer.erase(at);
          if (act === 'leave') [peer.away] = [true, peer.inbox.splice(0)];
          if (act === 'return') comeBack(peer);
          if (act === 'deliver') relay.settle();
        }
        for (const peer of peers) comeBack(peer);
        relay.settle();
        expect(new Set(peers.map(({ text }) => text)).size).toBe(1);
      }),
    );
  });

  it('tells the others what was deleted while a peer was away', () => {
    const relay = new Relay();
    const [one, other] = [new Peer(relay), new Peer(relay)];
    one.write(0, 'abc');
    relay.settle();
    one.away = true;
    one.erase(1);
    comeBack(one);
    relay.settle();
    expect(other.text).toBe('ac');
  });

  it('throws at what is no update, and stays as it is', () => {
    const peer = new Peer(new Relay());
    peer.write(0, 'abc');
    expect(() => {
      peer.sync.receive(new Uint8Array([0, 2, 2, 255, 255]));
    }).toThrow('Unexpected end of array');
    expect(peer.text).toBe('abc');
  });

  it('ignores what does not synchronise, as the awareness of a y-websocket peer', () => {
    const peer = new Peer(new Relay());
    peer.sync.receive(new Uint8Array([1, 3, 0, 0, 0]));
    expect(peer.text).toBe('');
  });
});

function comeBack(peer: Peer): void {
  peer.away = false;
  peer.sync.resync();
}
