import type { IncomingMessage } from 'node:http';

/** So much more of a message that is too big is read, in bytes: its sender reads the answer once it has sent all. */
export const DISCARDED_BYTES = 1_048_576;

/**
 * Reads the content of a request.
 * @param maxBytes that are kept
 * @param timeoutMs in which all of it has to come, in milliseconds
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  timeoutMs: number,
): Promise<Buffer | 'too big' | 'too late'> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => request.destroy(), timeoutMs);
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
      if (bytes > maxBytes + DISCARDED_BYTES) break;
    }
  } catch {
    // It was cut, or came too late: nobody waits for an answer.
    return 'too late';
  } finally {
    clearTimeout(timer);
  }
  return bytes > maxBytes ? 'too big' : Buffer.concat(chunks);
}
