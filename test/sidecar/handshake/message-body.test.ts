import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { DISCARDED_BYTES, readBody } from '../../../sidecar/handshake/message-body';

const IN_TIME_MS = 60_000;

let sent: PassThrough;

beforeEach(() => {
  sent = new PassThrough();
});
afterEach(() => {
  sent.destroy();
});

/** Reads what is sent, of which so many bytes are kept. */
function read(maxBytes: number, timeoutMs = IN_TIME_MS): ReturnType<typeof readBody> {
  return readBody(sent as unknown as IncomingMessage, maxBytes, timeoutMs);
}

describe('the content of a request', () => {
  it('is put together from its pieces, up to the last byte that it may have', async () => {
    const body = read(6);
    sent.write('abc');
    sent.end('def');
    expect(await body).toEqual(Buffer.from('abcdef'));
  });

  it('may be nothing', async () => {
    const body = read(6);
    sent.end();
    expect(await body).toEqual(Buffer.alloc(0));
  });

  it('is too big with one byte more, once all of it was read', async () => {
    const body = read(6);
    sent.write('abcdef');
    sent.end('g');
    expect(await body).toBe('too big');
    expect(sent.readableEnded).toBe(true);
  });

  it('is read up to a bound when it is too big, and not a byte longer', async () => {
    const whole = read(6);
    sent.end(Buffer.alloc(6 + DISCARDED_BYTES));
    expect(await whole).toBe('too big');
    expect(sent.readableEnded).toBe(true);
    sent = new PassThrough();
    const endless = read(6);
    sent.write(Buffer.alloc(6 + DISCARDED_BYTES + 1));
    expect(await endless).toBe('too big');
    expect(sent.destroyed).toBe(true);
  });

  it('is too late when its client leaves in the middle', async () => {
    const body = read(6);
    sent.write('abc');
    sent.destroy();
    expect(await body).toBe('too late');
  });

  it('is too late when it is not all there in time, and its connection is cut', async () => {
    const body = read(6, 10);
    sent.write('abc');
    expect(await body).toBe('too late');
    expect(sent.destroyed).toBe(true);
  });

  it('has no timer any more once it is there', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      const body = read(6);
      expect(jest.getTimerCount()).toBe(1);
      sent.end('abc');
      await body;
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});
