import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decode } from '../../kong-stand-in/protobuf/messages';
import { unwrap } from '../../kong-stand-in/protobuf/values';
import { configWith, protobufDump, startFixture, type Fixture } from './fixture';
import { requestRaw, type RawAnswer } from './raw-client';
import { readRecording, type RecordedEvent } from './recording';
import type { Peer, UnixServer } from './unix-server';

const ACCEPTED = 'protobuf/01-start-instance-then-accepted-upgrade';
const WARM = 'protobuf/02-accepted-upgrade-warm-multi-value-header';
const REJECTED = 'protobuf/03-rejected-upgrade-response-exit';
const RESTARTED = 'protobuf/04-server-restarted-stale-instance-id';

// One session, as it was recorded: the sequence numbers run through all four.
describe('what the gateway says to a ProtoBuf plugin server', () => {
  let fixture: Fixture;
  let server: UnixServer;
  const peers = new Map<number, Peer>();

  beforeAll(async () => {
    fixture = await startFixture({
      dump: protobufDump('gate', [{ prefix: { type: 'string', required: false } }]),
      config: configWith({ name: 'gate', config: { prefix: 'T-' } }),
    });
    server = await fixture.startPluginServer();
  });
  afterAll(() => fixture.stop());

  it('starting an instance and admitting an upgrade: what Kong said', async () => {
    const { said, answer } = await replay(ACCEPTED);
    expectStart(said[0], ACCEPTED, 0);
    expectHandleEvent(said[1], kongSaid(ACCEPTED)[1]);
    expectStruct(said[2], kongSaid(ACCEPTED)[2]);
    expect(said[3]).toBe('');
    expect(answer.status).toBe(101);
    expect(fixture.upstream.last.headers).toMatchObject({ 'x-tenant-id': 'acme', 'x-user-id': 'user-1' });
  });

  it('admitting with a warm instance: repeated headers are a list, a forged one is overwritten', async () => {
    const { said, answer } = await replay(WARM);
    expectHandleEvent(said[0], kongSaid(WARM)[0]);
    expectStruct(said[1], kongSaid(WARM)[1]);
    expect(structOf(said[1])).toMatchObject({ 'x-multi': ['a', 'b'], 'x-tenant-id': 'FORGED' });
    expect(said[2]).toBe('');
    expect(answer.status).toBe(101);
    expect(fixture.upstream.last.headers['x-tenant-id']).toBe('acme');
  });

  it('an exit: nothing is answered, the connection is closed, nothing goes upstream', async () => {
    const before = fixture.upstream.requests.length;
    const { said, answer } = await replay(REJECTED);
    expectHandleEvent(said[0], kongSaid(REJECTED)[0]);
    expectStruct(said[1], kongSaid(REJECTED)[1]);
    expect(said[2]).toBe('end');
    expect(answer.status).toBe(401);
    expect(answer.body).toBe('{"message":"Unauthorized"}');
    expect(fixture.upstream.requests).toHaveLength(before);
  });

  it('a closed connection: another instance is started and the request goes on', async () => {
    const { said, answer } = await replay(RESTARTED);
    expectHandleEvent(said[0], kongSaid(RESTARTED)[0]);
    expectStart(said[1], RESTARTED, 1);
    expectHandleEvent(said[2], kongSaid(RESTARTED)[2]);
    expectStruct(said[3], kongSaid(RESTARTED)[3]);
    expect(said[4]).toBe('');
    expect(answer.status).toBe(101);
    expect(fixture.log).toContain('warn: closed');
  });

  async function replay(name: string): Promise<{ said: string[]; answer: RawAnswer }> {
    const events = readRecording(name);
    const [said, answer] = await Promise.all([
      play(events),
      requestRaw(fixture.gateway.port, requestOf(events)),
    ]);
    return { said, answer };
  }

  /** Sends what the server sent, in one write what came in a row, and returns what the gateway says. */
  async function play(events: readonly RecordedEvent[]): Promise<string[]> {
    const said: string[] = [];
    let pending: Buffer[] = [];
    for (const [i, event] of events.entries()) {
      const peer = await peerOf(event.conn);
      if (event.dir === 'kong->server') {
        const frame = event.event === 'end' ? undefined : await peer.frame();
        if (event.event === 'end') await peer.closed();
        said.push(frame?.toString('hex') ?? 'end');
        continue;
      }
      if (event.event === 'end') peer.socket.end();
      else pending.push(Buffer.from(event.hex ?? '', 'hex'));
      if (events[i + 1]?.dir === 'server->kong') continue;
      if (pending.length > 0) peer.sendFrames(pending);
      pending = [];
    }
    return said;
  }

  async function peerOf(conn: number): Promise<Peer> {
    const known = peers.get(conn);
    if (known !== undefined) return known;
    const peer = await server.accept();
    peers.set(conn, peer);
    return peer;
  }
});

function kongSaid(name: string): string[] {
  return readRecording(name)
    .filter(({ dir }) => dir === 'kong->server')
    .map((event) => event.hex ?? 'end');
}

/** The request that Kong got, from the headers that it handed to the plugin. */
function requestOf(events: readonly RecordedEvent[]): string[] {
  const args = events.findIndex((event) => event.hex === '0864');
  const struct = structOf(events[args + 1]?.hex);
  const lines = Object.entries(struct).flatMap(([name, value]) =>
    [value].flat().map((item) => `${name}: ${String(item)}`),
  );
  return ['GET /ws/any HTTP/1.1', ...lines];
}

function structOf(hex: string | undefined): Record<string, unknown> {
  return unwrap('Struct', decode('Struct', Buffer.from(hex ?? '', 'hex')))[0] as Record<string, unknown>;
}

// Members and bytes are the same; their order is that of Lua's tables, which has no rule.
function expectStruct(actual: string | undefined, expected: string | undefined): void {
  expect(structOf(actual)).toEqual(structOf(expected));
  expect(actual).toHaveLength(expected?.length ?? -1);
}

function expectStart(actual: string | undefined, name: string, at: number): void {
  const expected = kongSaid(name)[at];
  expect(startOf(actual)).toEqual(startOf(expected));
  expect(actual).toHaveLength(expected?.length ?? -1);
}

function expectHandleEvent(actual: string | undefined, expected: string | undefined): void {
  const read = (hex: string | undefined) => decode('RpcCall', Buffer.from(hex ?? '', 'hex'));
  expect(read(actual)).toEqual(read(expected));
  expect(actual).toHaveLength(expected?.length ?? -1);
}

function startOf(hex: string | undefined): unknown {
  const call = decode('RpcCall', Buffer.from(hex ?? '', 'hex'));
  const start = call['cmd_start_instance'] as { name: Buffer; config: Buffer };
  return {
    sequence: call['sequence'],
    name: start.name.toString(),
    config: JSON.parse(start.config.toString()) as unknown,
  };
}
