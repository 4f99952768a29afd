import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name; repeated ones joined by a line feed. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Opens a socket, sends a request head, and leaves the rest to the test. */
export async function openRaw(port: number, lines: readonly string[]): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return socket;
}

/** Sends a request with exactly these header lines and reads the answer up to its end. */
export async function requestRaw(port: number, lines: readonly string[]): Promise<RawAnswer> {
  const socket = await openRaw(port, lines);
  const answer = await readAnswer(socket);
  socket.destroy();
  return answer;
}

/** Reads one answer: its head, and a body of `Content-Length` bytes. */
export async function readAnswer(socket: Socket): Promise<RawAnswer> {
  let text = '';
  for (;;) {
    const [chunk] = (await Promise.race([once(socket, 'data'), once(socket, 'end')])) as [Buffer?];
    text += chunk?.toString('latin1') ?? '';
    const answer = parse(text);
    if (answer !== undefined) return answer;
    if (chunk === undefined) throw new Error(`the connection ended after: ${text}`);
  }
}

/** The request lines of a WebSocket upgrade. */
export function upgradeLines(path: string, headers: readonly string[] = []): string[] {
  return [
    `GET ${path} HTTP/1.1`,
    ...headers,
    ...(headers.some((line) => /^host:/i.test(line)) ? [] : ['Host: gateway.test']),
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
}

function parse(text: string): RawAnswer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name) ?? ''}\n${value}` : value);
  }
  const body = text.slice(end + 4);
  if (body.length < Number(headers.get('content-length') ?? 0)) return undefined;
  return { status: Number(statusLine.split(' ')[1]), headers, body };
}
