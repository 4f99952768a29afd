import fc from 'fast-check';
import { clientFrame, OPCODES } from '../client-frame';
import { MessageProgress } from '../../../sidecar/inbound/message-timeout';

const { text: TEXT, continuation: CONTINUATION, ping: PING } = OPCODES;

const LENGTHS = fc.oneof(
  fc.integer({ min: 0, max: 4 }),
  fc.integer({ min: 120, max: 130 }),
  fc.constantFrom(65_535, 65_536, 70_000),
);

/** A message in one frame or in several, pings among them. */
const MESSAGE = fc
  .array(LENGTHS, { minLength: 1, maxLength: 3 })
  .chain((lengths) =>
    fc
      .array(fc.boolean(), { minLength: lengths.length, maxLength: lengths.length })
      .map((pings) =>
        Buffer.concat(
          lengths.flatMap((length, index) => [
            clientFrame(index === 0 ? TEXT : CONTINUATION, length, index === lengths.length - 1),
            ...(pings[index] === true && index < lengths.length - 1 ? [clientFrame(PING, 3)] : []),
          ]),
        ),
      ),
  );

it('a message is finished with its last byte and not before, however what the client sends is split up', () => {
  const split = fc.tuple(
    fc.array(MESSAGE, { minLength: 1, maxLength: 4 }),
    fc.array(fc.integer({ min: 1, max: 100_000 })),
  );
  fc.assert(
    fc.property(split, ([messages, sizes]) => {
      const progress = new MessageProgress();
      const sent = Buffer.concat(messages);
      const ends = messages.map((_, index) => Buffer.concat(messages.slice(0, index + 1)).length);
      let at = 0;
      for (const size of [...sizes, sent.length]) {
        progress.read(sent.subarray(at, at + size));
        at = Math.min(at + size, sent.length);
        expect(progress.finished).toBe(ends.filter((end) => end <= at).length);
        expect(progress.isUnfinished).toBe(at !== 0 && !ends.includes(at));
      }
    }),
    { numRuns: 200 },
  );
});

it('a control frame counts, except within a message', () => {
  const progress = new MessageProgress();
  const ping = clientFrame(PING, 5);
  progress.read(ping.subarray(0, 4));
  expect([progress.isUnfinished, progress.finished]).toEqual([true, 0]);
  progress.read(ping.subarray(4));
  expect([progress.isUnfinished, progress.finished]).toEqual([false, 1]);
  progress.read(clientFrame(TEXT, 5, false));
  progress.read(ping);
  expect([progress.isUnfinished, progress.finished]).toEqual([true, 1]);
});

it('a frame that says that it is longer than anything stays unfinished', () => {
  const progress = new MessageProgress();
  progress.read(Buffer.from([0x82, 0xff, ...Array<number>(8).fill(0xff), 0, 0, 0, 0]));
  progress.read(Buffer.alloc(1000));
  expect(progress.isUnfinished).toBe(true);
});
