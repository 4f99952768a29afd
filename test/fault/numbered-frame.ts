/** A numbered frame's channel and number. */
export interface NumberedFrame {
  readonly channel: string;
  readonly n: number;
}

/** Frame number `n` of a channel, as the publisher writes it. */
export function numberedFrame(channel: string, n: number): string {
  return JSON.stringify({ type: 'token', data: { token: `${n} of ${channel}`, index: n, channel } });
}

/** Reads a frame back. @returns undefined when a single byte is not as {@link numberedFrame} wrote it */
export function readNumberedFrame(text: string): NumberedFrame | undefined {
  try {
    const { data } = JSON.parse(text) as { data: { index: number; channel: string } };
    const { index: n, channel } = data;
    return numberedFrame(channel, n) === text ? { channel, n } : undefined;
  } catch {
    return undefined;
  }
}
