import { findStamp, isStamp, PAYLOAD, stampIndex, stampTimeUs, writeStamp } from '../../bench/stamp';

test('a stamp is read as it was written, and the message stays JSON of the same length', () => {
  const message = Buffer.from(PAYLOAD);
  const offset = findStamp(message);
  writeStamp(message, offset, 12_345_678, 987_654_321_012_345);
  expect(stampIndex(message, offset)).toBe(12_345_678);
  expect(stampTimeUs(message, offset)).toBe(987_654_321_012_345);
  expect(message).toHaveLength(PAYLOAD.length);
  expect(JSON.parse(message.toString())).toMatchObject({ type: 'token' });
});

test('it is found behind what another protocol puts before it', () => {
  const wrapped = Buffer.from(`42["message",${JSON.stringify(PAYLOAD)}]`);
  const offset = findStamp(wrapped);
  writeStamp(wrapped, offset, 7, 8);
  expect([stampIndex(wrapped, offset), stampTimeUs(wrapped, offset)]).toEqual([7, 8]);
});

test('a message without one has none', () => {
  expect(findStamp(Buffer.from('{"type":"bridge.ready","at":"a@b"}'))).toBe(-1);
  expect(isStamp(Buffer.from(PAYLOAD), 0)).toBe(false);
});
