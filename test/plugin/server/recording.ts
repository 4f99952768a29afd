import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One line of a recording of what a real Kong 3.9.3 and a plugin server said (test/fixtures/kong-transcripts). */
export interface RecordedFrame {
  readonly dir: 'kong->server' | 'server->kong';
  readonly hex?: string;
  readonly text?: string;
  readonly event?: string;
}

/** A recorded conversation over ProtoBuf. */
export function recording(name: string): RecordedFrame[] {
  const file = join(__dirname, '../../fixtures/kong-transcripts/protobuf', `${name}.jsonl`);
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RecordedFrame);
}

/** The bytes of the n-th frame that Kong sent. */
export function kongFrame(frames: readonly RecordedFrame[], n: number): Buffer {
  const frame = frames.filter(({ dir, hex }) => dir === 'kong->server' && hex !== undefined)[n];
  if (frame?.hex === undefined) throw new RangeError(`the recording has no frame ${n} of Kong`);
  return Buffer.from(frame.hex, 'hex');
}
