import { isWhole } from '../../../bench/load/whole-answer';

const ANSWER = 'HTTP/1.1 200 OK\r\nVia: kong\r\nContent-Length: 2\r\n\r\nok';

test('an answer is whole with the last byte of its content, and not before', () => {
  for (let length = 0; length < ANSWER.length; length += 1)
    expect(isWhole(ANSWER.slice(0, length))).toBe(false);
  expect(isWhole(ANSWER)).toBe(true);
  expect(isWhole('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n')).toBe(true);
});

test('an answer that does not say how long it is ends the trial', () => {
  expect(() => isWhole('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')).toThrow('Content-Length');
});
