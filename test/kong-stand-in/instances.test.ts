import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import type { GatewayOptions } from '../../kong-stand-in/gateway';
import { decode, encode, type Fields } from '../../kong-stand-in/protobuf/messages';
import { configWith, protobufDump, SERVICE, startFixture, type Fixture } from './fixture';
import { requestRaw } from './raw-client';

const GET = ['GET / HTTP/1.1', 'Host: a'];

let fixture: Fixture;
afterEach(() => fixture.stop());

/** The questions to a plugin server: the sequence of each configuration that it started, and the ids of its events. */
class Asked {
  readonly started: number[] = [];
  readonly configs: Record<string, unknown>[] = [];
  readonly events: number[] = [];
  readonly closed: number[] = [];
  connections = 0;
}

/** Serves instances with ids from 100 on; an event of an instance in `unknown` closes the connection. */
async function servePlugin(unknown: ReadonlySet<number> = new Set()): Promise<Asked> {
  const asked = new Asked();
  const server = await fixture.startPluginServer();
  server.serve(async (peer) => {
    asked.connections += 1;
    for (let bytes = await peer.frame(); bytes !== undefined; bytes = await peer.frame()) {
      const call = decode('RpcCall', bytes);
      const answer = answerTo(call);
      if (answer === undefined) peer.socket.end();
      else peer.sendFrames(answer);
    }
  });
  return asked;

  function answerTo({ sequence, ...call }: Fields): Uint8Array[] | undefined {
    const start = call['cmd_start_instance'] as { config: Buffer } | undefined;
    if (start !== undefined) {
      const config = JSON.parse(start.config.toString()) as Record<string, unknown>;
      asked.configs.push(config);
      asked.started.push(Number(config['__seq__']));
      return [encode('RpcReturn', { sequence, instance_status: { instance_id: 99 + asked.started.length } })];
    }
    const close = call['cmd_close_instance'] as { instance_id: number } | undefined;
    if (close !== undefined) {
      asked.closed.push(close.instance_id);
      return [encode('RpcReturn', { sequence })];
    }
    const { instance_id: id } = call['cmd_handle_event'] as { instance_id: number };
    asked.events.push(id);
    return unknown.has(id) ? undefined : [Buffer.alloc(0), encode('RpcReturn', { sequence })];
  }
}

async function start(
  options: Partial<GatewayOptions> = {},
  config = configWith({ name: 'gate' }),
): Promise<void> {
  fixture = await startFixture({ dump: protobufDump('gate'), config, options });
}

describe('plugin instances', () => {
  it('are started once, however many requests come at once', async () => {
    await start();
    const asked = await servePlugin();
    await Promise.all(Array.from({ length: 20 }, () => requestRaw(fixture.gateway.port, GET)));
    expect(asked.started).toHaveLength(1);
    expect(asked.events).toEqual(Array.from({ length: 20 }, () => 100));
  });

  it('are each worker’s own, with a sequence of their own', async () => {
    await start({ workers: 3 });
    const asked = await servePlugin();
    for (let i = 0; i < 6; i += 1) await requestRaw(fixture.gateway.port, GET);
    expect(asked.started).toEqual([2, 3, 4]);
    expect(asked.events).toEqual([100, 101, 102, 100, 101, 102]);
  });

  it('are forgotten by every worker when the server does not know one of them', async () => {
    await start({ workers: 2 });
    const asked = await servePlugin(new Set([100]));
    await requestRaw(fixture.gateway.port, GET);
    expect(asked.events).toEqual([100, 101]);
    await requestRaw(fixture.gateway.port, GET);
    expect(asked.events).toEqual([100, 101, 102]);
    // The first worker has its second instance; the second one's turn was its first.
    await requestRaw(fixture.gateway.port, GET);
    expect(asked.events).toEqual([100, 101, 102, 101]);
    expect(asked.started).toHaveLength(3);
  });

  it('are one for each configuration, the most specific for a request', async () => {
    const plugin = (value: string) => ({ name: 'gate', config: { value } });
    const routes = [
      { name: 'own', paths: ['/own'], plugins: [plugin('route')] },
      { name: 'off', paths: ['/off'], plugins: [{ ...plugin('off'), enabled: false }] },
      { name: 'rest', paths: ['/'] },
    ];
    const services = [{ ...SERVICE, routes, plugins: [plugin('service')] }];
    const other = [{ name: 'other', paths: ['/other'], service: 'second' }];
    const second = { name: 'second', url: SERVICE.url };
    fixture = await startFixture({
      dump: protobufDump('gate', [{ value: { type: 'string' } }]),
      config: {
        _format_version: '3.0',
        services: [...services, second],
        routes: other,
        plugins: [plugin('global')],
      },
    });
    const asked = await servePlugin();
    for (const path of ['/own', '/off', '/', '/other'])
      await requestRaw(fixture.gateway.port, [`GET ${path} HTTP/1.1`, 'Host: a']);
    expect(asked.configs.map(({ value }) => value)).toEqual(['route', 'service', 'global']);
    expect(asked.events).toEqual([100, 101, 101, 102]);
    expect(asked.configs[0]).toHaveProperty('route_id');
    expect(asked.configs[1]).not.toHaveProperty('route_id');
    expect(asked.configs[1]).toHaveProperty('service_id');
  });
});

describe('reload', () => {
  it('reads the configuration again: new instances for new requests, open WebSockets live on', async () => {
    await start();
    const asked = await servePlugin();
    const socket = new WebSocket(`ws://127.0.0.1:${fixture.gateway.port}/`);
    await once(socket, 'open');
    writeFileSync(fixture.configFile, readFileSync(fixture.configFile, 'utf8').replace('"/"', '"/new"'));
    await fixture.gateway.reload();
    expect((await requestRaw(fixture.gateway.port, GET)).status).toBe(404);
    expect((await requestRaw(fixture.gateway.port, ['GET /new HTTP/1.1', 'Host: a'])).status).toBe(200);
    expect(asked.started).toEqual([2, 4]);
    socket.send('still here');
    expect(String((await once(socket, 'message'))[0])).toBe('still here');
    socket.terminate();
  });

  it('lets the old workers finish what they have begun, then closes their connections', async () => {
    await start();
    const server = await fixture.startPluginServer();
    const answer = requestRaw(fixture.gateway.port, GET);
    const peer = await server.accept();
    const started = decode('RpcCall', (await peer.frame()) ?? Buffer.alloc(0));
    peer.sendFrames([
      encode('RpcReturn', { sequence: started['sequence'], instance_status: { instance_id: 1 } }),
    ]);
    const event = decode('RpcCall', (await peer.frame()) ?? Buffer.alloc(0));
    await fixture.gateway.reload();
    peer.sendFrames([Buffer.alloc(0), encode('RpcReturn', { sequence: event['sequence'] })]);
    expect((await answer).status).toBe(200);
    await peer.closed();
    expect(peer.socket.destroyed).toBe(true);
  });

  it('changes nothing when the configuration has a fault', async () => {
    await start();
    await servePlugin();
    writeFileSync(fixture.configFile, '_format_version: "3.0"\nservises: []\n');
    await expect(fixture.gateway.reload()).rejects.toThrow('does not know "servises"');
    expect((await requestRaw(fixture.gateway.port, GET)).status).toBe(200);
  });
});

describe('connections to the plugin server', () => {
  it('are kept for the next call', async () => {
    await start();
    const asked = await servePlugin();
    for (let i = 0; i < 5; i += 1) await requestRaw(fixture.gateway.port, GET);
    expect(asked.connections).toBe(1);
  });
});
