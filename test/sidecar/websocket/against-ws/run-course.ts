import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn, setTimeout as after } from 'node:timers/promises';
import type { Course } from './course';
import type { RecordingServer } from './servers';

/** Less than a test's time, and than that after which a server cuts a client that does not go. */
const PATIENCE_MS = 8000;

let courses = 0;

/** The outcome of a course. */
export interface Outcome {
  /** In order: messages, pings, pongs, and that the socket closed. */
  readonly told: readonly string[];
  /** All that the client was sent. */
  readonly wire: string;
}

/** Sends a course to a server. @returns once both ends are closed */
export async function runCourse(server: RecordingServer, course: Course): Promise<Outcome> {
  const path = `/${(courses += 1)}`;
  const told = server.expect(path);
  const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  // The server may cut it.
  socket.on('error', () => undefined);
  const wire: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => wire.push(bytes));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const answered = new Promise((resolve) => socket.once('data', resolve));
  await once(socket, 'connect');
  await send(socket, path, course);
  // Else it may be gone before it is asked what it wants.
  await Promise.race([answered, closed]);
  await end(socket, course.ending);
  const late = new AbortController();
  const patience = after(PATIENCE_MS, 'late', { signal: late.signal, ref: false }).catch(() => undefined);
  if ((await Promise.race([closed, patience])) === 'late') told.push('the client is never closed');
  for (const untilMs = Date.now() + PATIENCE_MS; !told.some(isEnd) && Date.now() < untilMs;) await turn();
  if (!told.some(isEnd)) told.push('the server is never closed');
  late.abort();
  // Whether it tells of something after it.
  for (let turns = 0; turns < 3; turns += 1) await turn();
  socket.destroy();
  return { told, wire: Buffer.concat(wire).toString('latin1') };
}

/** Whether an event is the last one. */
export function isEnd(event: string): boolean {
  return event.startsWith('closed ') || event === 'not opened';
}

async function send(socket: Socket, path: string, { bytes, sizes, early, lateness }: Course): Promise<void> {
  const head = [
    `GET ${path} HTTP/1.1`,
    'Host: against.test',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    `X-Lateness: ${lateness}`,
  ];
  socket.write(Buffer.concat([Buffer.from([...head, '', ''].join('\r\n')), bytes.subarray(0, early)]));
  for (let at = early, index = 0; at < bytes.length && !socket.destroyed; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    socket.write(bytes.subarray(at, at + size));
    at += size;
    // Some of them come together.
    if (size % 3 !== 0) await turn();
  }
}

async function end(socket: Socket, ending: Course['ending']): Promise<void> {
  switch (ending) {
    case 'late fin':
      for (let turns = 0; turns < 20; turns += 1) await turn();
      socket.end();
      return;
    case 'fin':
      socket.end();
      return;
    case 'cut':
      socket.destroy();
      return;
    case 'reset':
      socket.resetAndDestroy();
  }
}
