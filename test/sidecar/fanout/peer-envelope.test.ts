import fc from 'fast-check';
import { isUtf8 } from 'node:buffer';
import {
  isEnvelope,
  openEnvelope,
  openLocksChanged,
  openPeers,
  peerName,
  sealEnvelope,
  sealLocksChanged,
  sealPeers,
  senderNamed,
} from '../../../sidecar/fanout/peer-envelope';

const SENDER = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

describe('the envelope between bridges', () => {
  it('is 16 bytes of magic, 16 of sender, 1 of opcode, then the message (PROTOCOL.md §3)', () => {
    const text = sealEnvelope({ sender: SENDER, binary: false, payload: Buffer.from('hi') });
    expect(text.toString('hex')).toBe(
      'ff77732d6272696467652f7065657201' + '000102030405060708090a0b0c0d0e0f' + '01' + '6869',
    );
    const binary = sealEnvelope({ sender: SENDER, binary: true, payload: Buffer.alloc(0) });
    expect(binary.subarray(32).toString('hex')).toBe('02');
  });

  it('gives back what was put in, and is never UTF-8', () => {
    const message = fc.record({
      sender: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
      binary: fc.boolean(),
      payload: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(message, (sealed) => {
        const envelope = sealEnvelope(sealed);
        expect(openEnvelope(envelope)).toEqual(sealed);
        expect(isUtf8(envelope)).toBe(false);
      }),
    );
  });

  it.each(['', 'ff', 'ff77732d6272696467652f70656572', 'fe77732d6272696467652f7065657201', '7b7d'])(
    'is not seen in %j, which a service published',
    (hex) => {
      expect(isEnvelope(Buffer.from(hex, 'hex'))).toBe(false);
    },
  );

  it('is not opened when it is cut short or of an unknown opcode', () => {
    const whole = sealEnvelope({ sender: SENDER, binary: false, payload: Buffer.alloc(0) });
    expect(openEnvelope(whole)).toBeDefined();
    expect(openEnvelope(whole.subarray(0, -1))).toBeUndefined();
    whole[32] = 9;
    expect(openEnvelope(whole)).toBeUndefined();
  });

  it('takes a sender id of 16 bytes only', () => {
    const short = { sender: SENDER.subarray(1), binary: false, payload: Buffer.alloc(0) };
    expect(() => sealEnvelope(short)).toThrow(new RangeError('expected 16 bytes of sender id, got 15'));
  });
});

describe("a bridge's word on its peers", () => {
  it('is told from every message of a client, whatever that holds', () => {
    const payload = Buffer.from('{"users":[],"count":0}');
    const sealed = sealPeers(SENDER, payload);
    expect(openPeers(sealed)).toEqual({ bridge: SENDER, payload });
    expect([openEnvelope(sealed), isUtf8(sealed)]).toEqual([undefined, false]);
    fc.assert(
      fc.property(fc.boolean(), fc.oneof(fc.uint8Array(), fc.constant(sealed)), (binary, said) => {
        expect(
          openPeers(sealEnvelope({ sender: SENDER, binary, payload: Buffer.from(said) })),
        ).toBeUndefined();
      }),
    );
    expect(openPeers(sealed.subarray(0, 32))).toBeUndefined();
    expect(openPeers(Buffer.concat([Buffer.alloc(32), Buffer.of(15)]))).toBeUndefined();
  });
});

describe("a bridge's word on locks", () => {
  it('is told from every message of a client, and from its word on peers', () => {
    const sealed = sealLocksChanged(SENDER);
    expect(openLocksChanged(sealed)).toEqual(SENDER);
    expect([openEnvelope(sealed), openPeers(sealed), isUtf8(sealed)]).toEqual([undefined, undefined, false]);
    expect(openLocksChanged(sealPeers(SENDER, Buffer.alloc(0)))).toBeUndefined();
    fc.assert(
      fc.property(fc.boolean(), fc.oneof(fc.uint8Array(), fc.constant(sealed)), (binary, said) => {
        const message = sealEnvelope({ sender: SENDER, binary, payload: Buffer.from(said) });
        expect(openLocksChanged(message)).toBeUndefined();
      }),
    );
    expect(openLocksChanged(sealed.subarray(0, 32))).toBeUndefined();
  });
});

describe('the name of a sender id', () => {
  it('is base64url, and names that id again', () => {
    expect(peerName(SENDER)).toBe('AAECAwQFBgcICQoLDA0ODw');
    expect(peerName(Buffer.alloc(16, 0xff))).toBe('_____________________w');
    expect(senderNamed('AAECAwQFBgcICQoLDA0ODw')).toEqual(SENDER);
    expect(senderNamed('_____________________w')).toEqual(Buffer.alloc(16, 0xff));
  });

  it.each([
    ['empty', ''],
    ['of 15 bytes', 'AAECAwQFBgcICQoLDA0O'],
    ['of 17 bytes', 'AAECAwQFBgcICQoLDA0ODxA'],
    ['padded', 'AAECAwQFBgcICQoLDA0ODw=='],
    ['of the other alphabet', '/////////////////////w'],
    ['with bits too many', 'AAECAwQFBgcICQoLDA0ODx'],
    ['with a space', 'AAECAwQFBgcICQo LDA0ODw'],
  ])('is none when it is %s', (_, name) => {
    expect(senderNamed(name)).toBeUndefined();
  });
});
