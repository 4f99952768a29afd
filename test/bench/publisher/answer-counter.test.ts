import { AnswerCounter } from '../../../bench/publisher/answer-counter';

const ANSWERS = Buffer.from(
  'HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 201 Created\r\n\r\nHTTP/1.1 413 Too Large\r\n\r\n',
);

test('answers are counted whatever they say', () => {
  const counter = new AnswerCounter();
  counter.push(ANSWERS);
  expect(counter.count).toBe(3);
});

test('each is counted once, wherever the stream is cut', () => {
  for (let cut = 0; cut <= ANSWERS.length; cut += 1) {
    const counter = new AnswerCounter();
    counter.push(ANSWERS.subarray(0, cut));
    counter.push(ANSWERS.subarray(cut));
    expect(counter.count).toBe(3);
  }
  const counter = new AnswerCounter();
  for (const byte of ANSWERS) counter.push(Buffer.of(byte));
  expect(counter.count).toBe(3);
});
