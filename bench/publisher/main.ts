import { clockUs, untilUs } from '../clock';
import { findStamp, writeStamp } from '../stamp';
import { answerCalls } from '../worker';
import type { Published, PublisherCalls, PublishRequest } from './calls';
import { HttpLine } from './http-line';
import type { Line } from './line';
import { RedisLine } from './redis-line';

/** Between two writes: what is due by then goes out together. */
const TICK_MS = 1;

answerCalls<PublisherCalls>({ publish });

async function publish(request: PublishRequest): Promise<Published> {
  const { protocol, port, messages, messagesPerSecond, startUs, endUs } = request;
  const line: Line = protocol === 'http' ? await HttpLine.open(port) : await RedisLine.open(port);
  const offsets = messages.map((message) => findStamp(message));
  const counts = messages.map(() => 0);
  const total = Math.round(((endUs - startUs) * messagesPerSecond) / 1_000_000);
  const isBounded = Number.isFinite(line.room);
  await untilUs(startUs);
  for (let sent = 0; sent < total;) {
    const nowUs = clockUs();
    // Who is too slow for them is not waited for.
    if (nowUs >= endUs && total - sent > line.room) break;
    const due = Math.min(total, Math.floor(((nowUs - startUs) * messagesPerSecond) / 1_000_000));
    const end = Math.min(due, sent + line.room);
    const batch: Buffer[] = [];
    for (; sent < end; sent += 1) {
      const channel = sent % messages.length;
      const message = messages[channel];
      if (message === undefined) throw new RangeError('no such channel');
      const index = counts[channel] ?? 0;
      counts[channel] = index + 1;
      // A message that had to wait for room here has waited since it was due.
      const dueUs = startUs + Math.floor((sent * 1_000_000) / messagesPerSecond);
      writeStamp(message, offsets[channel] ?? -1, index, isBounded ? dueUs : nowUs);
      batch.push(Buffer.from(message));
    }
    if (batch.length > 0) line.write(batch);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await line.finish();
  return { counts };
}
