import { describe, expect, it } from '@jest/globals';
import { Frame, frameOf, isReserved, outgoingText } from '../../../sidecar/fanout/frame';
import { encodeFrame } from '../../../sidecar/fanout/frame-encoding';
import { BUFFER_OVERHEAD_BYTES } from '../../../sidecar/lib/keepers';

const CONTROL = '{"type":"bridge.gap","data":{}}';

describe('a message that begins as a control frame', () => {
  it.each([
    ['as it is', CONTROL, true],
    ['behind a byte order mark, which a receiver may leave out', `\uFEFF${CONTROL}`, true],
    ['behind several', `\uFEFF\uFEFF\uFEFF${CONTROL}`, true],
    ['behind white space, where no client looks for one', ` ${CONTROL}`, false],
    ['behind half a byte order mark', Buffer.concat([Buffer.of(0xef, 0xbb), Buffer.from(CONTROL)]), false],
    ['cut short', '{"type":"bridge', false],
    ['that is nothing but a byte order mark', '\uFEFF', false],
  ])('%s is told', (_, message, reserved) => {
    const payload = Buffer.from(message as string);
    expect(isReserved(payload, false)).toBe(reserved);
    expect(frameOf(payload, false).reserved).toBe(reserved);
    expect(isReserved(payload, true)).toBe(false);
    expect(frameOf(payload, true).reserved).toBe(false);
  });
});

describe('a frame', () => {
  it('has the payload, the kind and the sharing that it was made with', () => {
    const payload = Buffer.of(0xc3, 0x28);
    const frame = frameOf(payload, true);
    expect(frame.payload.equals(payload)).toBe(true);
    expect(frame).toMatchObject({ kind: 'data', binary: true, isShared: false, payloadBytes: 2 });
    expect(frameOf(payload, true, true).isShared).toBe(true);
    expect(frameOf(Buffer.from('text'), false).binary).toBe(false);
  });

  it('that many keep is counted once, with what a buffer costs', () => {
    const frame = new Frame(encodeFrame(Buffer.alloc(1000), false), true);
    const whole: number[] = [];
    const own: number[] = [];
    const account = {
      add: (bytes: number) => own.push(bytes),
      whole: { add: (bytes: number) => whole.push(bytes) },
    };
    frame.ringKeepers.keep(account);
    frame.ringKeepers.keep(account);
    const cost = frame.wire.length + BUFFER_OVERHEAD_BYTES;
    expect([own, whole]).toEqual([[cost], [cost]]);
  });

  it("of the bridge's own is text", () => {
    const note = outgoingText('{"a":"ä"}', 'note');
    expect(note.wire.equals(encodeFrame(Buffer.from('{"a":"ä"}'), false))).toBe(true);
    expect(note).toMatchObject({ kind: 'note', payloadBytes: 10 });
  });
});
