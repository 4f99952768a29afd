import { describe, expect, it } from '@jest/globals';
import { frameOf, isReserved } from '../../../sidecar/fanout/frame';

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
