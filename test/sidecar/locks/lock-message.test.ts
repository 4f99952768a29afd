import fc from 'fast-check';
import { isReserved } from '../../../sidecar/fanout/frame';
import { isLockMessage, readLockMessage } from '../../../sidecar/locks/lock-message';

const MAX_NAME_BYTES = 16;
const read = (text: string) => readLockMessage(Buffer.from(text), MAX_NAME_BYTES);

describe('a message about a lock', () => {
  it.each([
    '{"type":"bridge.lock","data":{"name":"B7"}}',
    '{"type":"bridge.unlock","data":{"name":"B7"}}',
    '{"type":"bridge.lock" , "data" : {"name":"B7"}}',
  ])('is %s', (text) => {
    expect(isLockMessage(Buffer.from(text), false)).toBe(true);
    expect(isLockMessage(Buffer.from(text), true)).toBe(false);
  });

  it.each([
    '{"type":"bridge.locksmith","data":{"name":"B7"}}',
    '{"type":"bridge.locked","data":{"name":"B7","token":1}}',
    '{ "type":"bridge.lock","data":{"name":"B7"}}',
    '\uFEFF{"type":"bridge.lock","data":{"name":"B7"}}',
    '{"type":"bridge.loc',
    '',
  ])('is not %j', (text) => {
    expect(isLockMessage(Buffer.from(text), false)).toBe(false);
  });

  it('is one that no peer can be sent, whatever it holds', () => {
    fc.assert(
      fc.property(fc.constantFrom('lock', 'unlock'), fc.uint8Array(), (kind, rest) => {
        const message = Buffer.concat([Buffer.from(`{"type":"bridge.${kind}"`), rest]);
        expect(isLockMessage(message, false)).toBe(true);
        expect(isReserved(message, false)).toBe(true);
      }),
    );
  });

  it.each([
    ['{"type":"bridge.lock","data":{"name":"B7"}}', { kind: 'lock', name: 'B7', holder: undefined }],
    [
      '{"type":"bridge.lock","data":{"holder":"a_-9","name":"é 7"}}',
      { kind: 'lock', name: 'é 7', holder: 'a_-9' },
    ],
    ['{"type":"bridge.unlock","data":{"name":"\\u0042"}}', { kind: 'unlock', name: 'B', holder: undefined }],
  ])('says %s', (text, message) => {
    expect(read(text)).toEqual(message);
  });

  it.each([
    ['{"type":"bridge.lock"', /expected \{"name": …\} in "data": 1 to 16 bytes/, undefined],
    ['{"type":"bridge.lock"}', /expected \{"name"/, undefined],
    ['{"type":"bridge.lock","data":null}', /expected \{"name"/, undefined],
    ['{"type":"bridge.lock","data":{"name":""}}', /expected \{"name"/, undefined],
    ['{"type":"bridge.lock","data":{"name":"0123456789abcdefg"}}', /expected \{"name"/, undefined],
    ['{"type":"bridge.lock","data":{"name":"ééééééééé"}}', /expected \{"name"/, undefined],
    ['{"type":"bridge.lock","data":{"name":"a\\nb"}}', /expected \{"name"/, undefined],
    ['{"type":"bridge.lock","data":{"name":"\\ud800"}}', /expected \{"name"/, undefined],
    ['{"type":"bridge.lock","data":{"name":7}}', /expected \{"name"/, undefined],
    ['{"type":"bridge.lock","data":{"name":"B7"},"id":"c1"}', /with "type" and "data"/, 'B7'],
    ['{"type":"bridge.lock","data":{"name":"B7"},"type":"x"}', /with "type" and "data"/, 'B7'],
    ['{"type":"bridge.lock","data":{"name":"B7","ttl":1}}', /"name" and "holder" alone/, 'B7'],
    ['{"type":"bridge.unlock","data":{"name":"B7","holder":"a"}}', /"name" alone/, 'B7'],
    ['{"type":"bridge.lock","data":{"name":"B7","holder":""}}', /"holder", when there is one/, 'B7'],
    ['{"type":"bridge.lock","data":{"name":"B7","holder":"~a"}}', /"holder", when there is one/, 'B7'],
    [
      `{"type":"bridge.lock","data":{"name":"${' '.repeat(700)}B7"}}`,
      /expected at most 608 bytes/,
      undefined,
    ],
  ])('is refused as %s', (text, fault, name) => {
    expect(read(text)).toEqual({ fault: expect.stringMatching(fault) as string, name });
  });

  it('has a usable name or a fault, and never throws, whatever a client sends', () => {
    const data = fc.oneof(
      fc.json(),
      fc
        .record({ name: fc.string({ unit: 'binary' }), holder: fc.option(fc.string()) })
        .map((value) => JSON.stringify(value)),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.constantFrom('lock', 'unlock'), data, (kind, json) => {
        const message = read(`{"type":"bridge.${kind}","data":${json}}`);
        const { name } = message;
        if (!('fault' in message)) expect(name).not.toBe('');
        if (name === undefined) return;
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(MAX_NAME_BYTES);
        // eslint-disable-next-line no-control-regex -- no name has one
        expect(name).not.toMatch(/[\u0000-\u001f\u007f]/);
      }),
    );
  });
});
