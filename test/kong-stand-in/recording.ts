import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(__dirname, '../fixtures/kong-transcripts');

/** One line of a recording between a real Kong and a plugin server. */
export interface RecordedEvent {
  readonly conn: number;
  readonly dir: 'kong->server' | 'server->kong' | 'server';
  /** A ProtoBuf frame without its length. */
  readonly hex?: string;
  /** Instead of a frame: the connection was closed. */
  readonly event?: 'end';
  readonly type?: 'request' | 'response' | 'socket-error';
  readonly id?: number;
  readonly method?: string;
  readonly args?: readonly unknown[];
  readonly error?: string | null;
  readonly result?: unknown;
}

/** Reads a recording, `protobuf/01-…` by its first characters. */
export function readRecording(name: string): RecordedEvent[] {
  return readFileSync(join(FOLDER, `${name}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RecordedEvent);
}

/** The dump of the plugin that the MsgPack recordings are of. */
export function readDump(): unknown[] {
  const [line] = readRecording('msgpack/01-startup-query-cmd-dump') as unknown as { plugins: unknown[] }[];
  if (line === undefined) throw new Error('the recording of the dump is empty');
  return line.plugins;
}
