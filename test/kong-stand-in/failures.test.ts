import { afterEach, describe, expect, it } from '@jest/globals';
import { decode as unpack, encode as pack } from '@msgpack/msgpack';
import { once } from 'node:events';
import { decode, encode, type Fields } from '../../kong-stand-in/protobuf/messages';
import { configWith, protobufDump, startFixture, type Fixture } from './fixture';
import { openRaw, requestRaw, upgradeLines, type RawAnswer } from './raw-client';
import type { Peer, UnixServer } from './unix-server';

const FORGED = 'X-Tenant-Id: FORGED';
/** For a plugin server that hangs. One that answers has its time, however slow the machine is. */
const SHORT_TIMEOUT_MS = 2000;
const TIMEOUT_MS = 20_000;

let fixture: Fixture;
afterEach(() => fixture.stop());

async function start(dump: unknown, pluginServerTimeoutMs = TIMEOUT_MS): Promise<void> {
  const options = { pluginServerTimeoutMs };
  fixture = await startFixture({ dump, config: configWith({ name: 'gate' }, { paths: ['/ws'] }), options });
}

async function status(): Promise<number> {
  const answer = await requestRaw(fixture.gateway.port, upgradeLines('/ws', [FORGED]));
  return answer.status;
}

function expectUnexpected({ status, body, headers }: RawAnswer): void {
  const id = headers.get('x-kong-request-id');
  expect([status, JSON.parse(body)]).toEqual([
    500,
    { message: 'An unexpected error occurred', request_id: id },
  ]);
}

// These are from Kong 3.9.3 as it was seen (test/fixtures/kong-transcripts/README.md), and from its pb_rpc.lua.
describe('a ProtoBuf plugin server that fails', () => {
  it('was never there: 500, and nothing goes upstream', async () => {
    await start(protobufDump('gate'));
    const answer = await requestRaw(fixture.gateway.port, upgradeLines('/ws', [FORGED]));
    expectUnexpected(answer);
    expect(fixture.log).toContain('err: no such file or directory');
    expectNothingUpstream();
  });

  it('is dead after having served: 500 with the request id', async () => {
    await start(protobufDump('gate'));
    const server = await fixture.startPluginServer();
    server.serve(admitting());
    expect(await status()).toBe(101);
    await server.kill();
    // The instance is still known, so Kong calls it.
    expectUnexpected(await requestRaw(fixture.gateway.port, upgradeLines('/ws')));
    expect(fixture.upstream.requests).toHaveLength(1);
  });

  it('hangs: 500 when the socket times out', async () => {
    await start(protobufDump('gate'), SHORT_TIMEOUT_MS);
    const server = await fixture.startPluginServer();
    server.serve(protobuf(() => new Promise(() => undefined)));
    expect(await status()).toBe(500);
    expect(fixture.log).toContain('err: pluginserver error: timeout');
    expectNothingUpstream();
  });

  it('answers a failure of the plugin with an exit: the client gets that', async () => {
    await start(protobufDump('gate'));
    const server = await fixture.startPluginServer();
    server.serve(
      protobuf((peer) => {
        peer.sendFrames([Buffer.from('kong.response.exit'), encode('ExitArgs', { status: 503 })]);
        return peer.closed();
      }),
    );
    expect(await status()).toBe(503);
    expectNothingUpstream();
  });

  it('calls what is not in the PDK: 500', async () => {
    await start(protobufDump('gate'));
    const server = await fixture.startPluginServer();
    server.serve(
      protobuf((peer) => {
        peer.sendFrames([Buffer.from('kong.no.such'), Buffer.alloc(0)]);
        return peer.closed();
      }),
    );
    expect(await status()).toBe(500);
    expect(fixture.log).toContain('err: pluginserver error: method "kong.no.such" not found');
    expectNothingUpstream();
  });

  it.each([
    ['a PDK call that Kong has and the stand-in has not', 'kong.node.get_id', Buffer.alloc(0)],
    ['a limit below 1', 'kong.request.get_headers', Buffer.alloc(0)],
    ['a limit above 1000', 'kong.request.get_headers', encode('Int', { v: 1001 })],
    ['an argument that is no such message', 'kong.request.get_headers', Buffer.from('0a', 'hex')],
    [
      'a header without a value',
      'kong.service.request.set_header',
      encode('KV', { k: Buffer.from('X-A'), v: {} }),
    ],
  ])('makes %s: Kong raises, 500', async (_, method, args) => {
    await start(protobufDump('gate'));
    const server = await fixture.startPluginServer();
    server.serve(
      protobuf((peer) => {
        peer.sendFrames([Buffer.from(method), args]);
        return peer.closed();
      }),
    );
    const answer = await requestRaw(fixture.gateway.port, upgradeLines('/ws'));
    expectUnexpected(answer);
    expectNothingUpstream();
  });

  it('returns to another call: 500', async () => {
    await start(protobufDump('gate'));
    const server = await fixture.startPluginServer();
    server.serve(
      protobuf((peer) => {
        peer.sendFrames([Buffer.alloc(0), encode('RpcReturn', { sequence: 999 })]);
        return peer.closed();
      }),
    );
    expect(await status()).toBe(500);
    expectNothingUpstream();
  });

  it('refuses to start an instance by closing: 500, not again', async () => {
    await start(protobufDump('gate'));
    const server = await fixture.startPluginServer();
    let starts = 0;
    server.serve(async (peer) => {
      await peer.frame();
      starts += 1;
      peer.socket.end();
    });
    expect(await status()).toBe(500);
    expect(starts).toBe(1);
  });

  it('closes every time: again and again until the client goes away', async () => {
    await start(protobufDump('gate'));
    const server = await fixture.startPluginServer();
    const client = await openRaw(fixture.gateway.port, upgradeLines('/ws'));
    let events = 0;
    const tenth = new Promise<void>((resolve) => {
      server.serve(
        protobuf(async (peer) => {
          events += 1;
          if (events < 10) {
            peer.socket.end();
            return;
          }
          client.destroy();
          await once(client, 'close');
          // A request that comes later is answered later: the gateway has seen the client go.
          await requestRaw(fixture.gateway.port, ['GET /no/route HTTP/1.0']);
          peer.socket.end();
          await peer.closed();
          await requestRaw(fixture.gateway.port, ['GET /no/route HTTP/1.0']);
          resolve();
        }),
      );
    });
    await tenth;
    expect(events).toBe(10);
    expectNothingUpstream();
  });
});

describe('a MsgPack plugin server that fails', () => {
  const dump = [(protobufDump('gate') as { Plugins: unknown[] }).Plugins[0]];

  it('was never there: 500, for the instance cannot be started', async () => {
    await start(dump);
    expect(await status()).toBe(500);
    expectNothingUpstream();
  });

  it('is dead after having served: the request goes upstream with the client’s own headers', async () => {
    await start(dump);
    const server = await fixture.startPluginServer();
    server.serve(msgpack((id) => [1, id, null, { EventId: 0, Data: 'ret' }]));
    expect(await status()).toBe(101);
    await server.kill();
    expect(await status()).toBe(101);
    expect(fixture.upstream.last.headers['x-tenant-id']).toBe('FORGED');
    expect(fixture.log).toContain('err: no such file or directory');
  });

  it('hangs: the request goes upstream after the timeout', async () => {
    await start(dump, SHORT_TIMEOUT_MS);
    const server = await fixture.startPluginServer();
    server.serve(msgpack(() => undefined));
    expect(await status()).toBe(101);
    expect(fixture.upstream.last.headers['x-tenant-id']).toBe('FORGED');
    expect(fixture.log).toContain('err: no data');
  });

  it('answers with an error: the request goes upstream', async () => {
    await start(dump);
    const server = await fixture.startPluginServer();
    server.serve(msgpack((id) => [1, id, 'out of order', null]));
    expect(await status()).toBe(101);
    expect(fixture.log).toContain('err: out of order');
  });

  it('breaks off in the middle of an answer: 500', async () => {
    await start(dump);
    const server = await fixture.startPluginServer();
    server.serve(
      msgpack((id, peer) => {
        const whole = pack([1, id, null, { EventId: 0, Data: 'ret' }]);
        peer.socket.end(whole.subarray(0, whole.length - 2));
        return undefined;
      }),
    );
    expect(await status()).toBe(500);
    expectNothingUpstream();
  });

  it('answers another call: 500', async () => {
    await start(dump);
    const server = await fixture.startPluginServer();
    server.serve(msgpack((id) => [1, id + 1, null, { EventId: 0, Data: 'ret' }]));
    expect(await status()).toBe(500);
    expectNothingUpstream();
  });

  it('has lost its instances: another is started', async () => {
    await start(dump);
    const server = await fixture.startPluginServer();
    let lost = true;
    server.serve(
      msgpack((id) => {
        if (!lost) return [1, id, null, { EventId: 0, Data: 'ret' }];
        lost = false;
        return [1, id, 'No Plugin Instance #3', null];
      }),
    );
    expect(await status()).toBe(101);
    expect(fixture.log).toContain('warn: No Plugin Instance #3');
  });
});

function expectNothingUpstream(): void {
  expect(fixture.upstream.requests).toHaveLength(0);
}

/** Starts every instance, and does with an event what the test says. */
function protobuf(
  onEvent: (peer: Peer, call: Fields) => Promise<void> | void,
): Parameters<UnixServer['serve']>[0] {
  return async (peer) => {
    for (let bytes = await peer.frame(); bytes !== undefined; bytes = await peer.frame()) {
      const call = decode('RpcCall', bytes);
      const { sequence } = call;
      if ('cmd_start_instance' in call)
        peer.sendFrames([encode('RpcReturn', { sequence, instance_status: { instance_id: 7 } })]);
      else await onEvent(peer, call);
    }
  };
}

function admitting(): Parameters<UnixServer['serve']>[0] {
  return protobuf((peer, { sequence }) => {
    peer.sendFrames([Buffer.alloc(0), encode('RpcReturn', { sequence })]);
  });
}

/** Starts every instance, and answers an event with the message that the test makes, if any. */
function msgpack(
  onEvent: (id: number, peer: Peer) => unknown[] | undefined,
): Parameters<UnixServer['serve']>[0] {
  return async (peer) => {
    for (let bytes = await peer.chunk(); bytes !== undefined; bytes = await peer.chunk()) {
      const [, id, method] = unpack(bytes) as [number, number, string];
      const message =
        method === 'plugin.StartInstance' ? [1, id, null, { Name: 'gate', Id: 0 }] : onEvent(id, peer);
      if (message !== undefined) peer.socket.write(pack(message));
    }
  };
}
