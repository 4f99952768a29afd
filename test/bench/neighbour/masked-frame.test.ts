import type { Writable } from 'node:stream';
import * as ws from 'ws';
import { maskedFrame, OPCODE_BINARY, OPCODE_CONTINUATION } from '../../../bench/neighbour/masked-frame';

/** The types of ws leave it out. */
const { Receiver } = ws as unknown as { readonly Receiver: new (options: { isServer: boolean }) => Writable };

/** The message that a server reads from them. */
function messages(...frames: readonly Buffer[]): Promise<Buffer> {
  const receiver = new Receiver({ isServer: true });
  const message = new Promise<Buffer>((resolve, reject) => {
    receiver.on('message', resolve);
    receiver.on('error', reject);
  });
  receiver.write(Buffer.concat(frames));
  return message;
}

test.each([0, 125, 126, 65_535, 65_536])('a server reads a masked frame of %d bytes', async (bytes) => {
  const payload = Buffer.alloc(bytes, 7);
  expect(payload.equals(await messages(maskedFrame(OPCODE_BINARY, payload)))).toBe(true);
});

test('a server reads a message that comes in frames', async () => {
  const message = messages(
    maskedFrame(OPCODE_BINARY, Buffer.of(1), { fin: false }),
    maskedFrame(OPCODE_CONTINUATION, Buffer.of(2), { fin: false }),
    maskedFrame(OPCODE_CONTINUATION, Buffer.of(3)),
  );
  expect([...(await message)]).toEqual([1, 2, 3]);
});
