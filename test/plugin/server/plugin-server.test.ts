import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import { Gatekeeper } from '../../../plugin/gatekeeper';
import type { Kong } from '../../../plugin/kong';
import { instanceMaker } from '../../../plugin/server/instance-maker';
import type { PluginInstance } from '../../../plugin/server/instances';
import { OwnInstances } from '../../../plugin/server/own-instances';
import { startPluginServer, type PluginServer } from '../../../plugin/server/plugin-server';
import { KongClient } from '../../fakes/kong-client';
import { rawConfig } from '../fixture';
import { kongFrame, recording, type RecordedFrame } from './recording';

const log = pino({ level: 'silent' });
const started = recording('01-start-instance-then-accepted-upgrade');
const rejected = recording('03-rejected-upgrade-response-exit');

let folder: string;
let path: string;
const running: PluginServer[] = [];
const clients: KongClient[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gk-'));
  path = join(folder, 'gk.sock');
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(running.splice(0).map((server) => server.close(0)));
  rmSync(folder, { recursive: true });
});

async function serve(
  instance: PluginInstance | ((config: unknown) => PluginInstance),
): Promise<PluginServer> {
  const start = typeof instance === 'function' ? instance : () => instance;
  const instances = new OwnInstances(instanceMaker(start, log));
  const server = await startPluginServer({ path, mode: 0o660 }, { pluginName: 'gate', instances, log });
  running.push(server);
  return server;
}

async function connect(): Promise<KongClient> {
  const client = await KongClient.connect(path);
  clients.push(client);
  return client;
}

/** Starts the recorded instance and returns the id that the server gave it, as bytes. */
async function startInstance(client: KongClient): Promise<Buffer> {
  client.send(kongFrame(started, 0));
  const answer = await client.frame();
  const recorded = serverFrames(started)[0] ?? '';
  // 08 02 (sequence) 8a 02 len 0a 04 "gate" 10 (instance_id), then the id as a varint to the end.
  const idAt = Buffer.from(recorded, 'hex').lastIndexOf(0x10) + 1;
  expect(answer?.subarray(0, 4).toString('hex')).toBe(recorded.slice(0, 8));
  return answer?.subarray(idAt) ?? Buffer.alloc(0);
}

/** A handle_event "access" for this instance: the recorded call with the id replaced. */
function accessCall(id: Buffer, sequence = 3): Buffer {
  const event = Buffer.concat([Buffer.from('1206616363657373', 'hex'), Buffer.from([0x08]), id]);
  return Buffer.concat([Buffer.from([0x08, sequence, 0xa2, 0x02, event.length]), event]);
}

/** A `String` of Kong's protocol, shorter than 128 bytes. */
function stringResult(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x0a, text.length]), Buffer.from(text)]);
}

/**
 * Before the exit of a refusal: the headers that may hold a token go, Kong's log is told what was decided, and the line of our own
 * asks what Kong knows.
 */
const BEFORE_EXIT: readonly unknown[] = [
  ...['kong.service.request.clear_header', 'kong.log.set_serialize_value'],
  ...['kong.nginx.get_var', 'kong.router.get_route'],
];

/** The arguments of the exit that a refusal ends with. */
async function exitArgs(client: KongClient): Promise<Buffer> {
  let method = (await client.frame())?.toString();
  while (BEFORE_EXIT.includes(method)) {
    await client.frame();
    method = (await client.frame())?.toString();
  }
  expect(method).toBe('kong.response.exit');
  return (await client.frame()) ?? Buffer.alloc(0);
}

const serverFrames = (frames: readonly RecordedFrame[]) =>
  frames.filter(({ dir, hex }) => dir === 'server->kong' && hex !== undefined).map(({ hex }) => hex ?? '');

const plugin = (access: (kong: Kong) => Promise<void>): PluginInstance => ({ access });

/** It does as the plugin of the recordings did. */
const recordedPlugin = plugin(async (kong) => {
  const headers = await kong.request.getHeaders();
  if (headers['authorization'] === undefined) {
    await kong.response.exit(401, '{"message":"Unauthorized"}', {});
    return;
  }
  const identity = { 'X-Tenant-ID': 'acme', 'X-User-ID': 'user-1', 'X-User-Roles': 'a,b' };
  await kong.service.request.setHeaders({ ...identity, 'X-Gateway-Assertion': 'x'.repeat(300) });
});

describe('recorded calls of a real Kong', () => {
  it('get the recorded answers, the last call and the return in one write', async () => {
    await serve(recordedPlugin);
    const client = await connect();
    const id = await startInstance(client);
    client.send(accessCall(id));
    const answers = [await client.frame(), await client.frame()];
    client.send(kongFrame(started, 2));
    const before = client.arrivals;
    for (let i = 0; i < 4; i += 1) answers.push(await client.frame());
    expect(client.arrivals - before).toBe(1);
    expect(answers.map((frame) => frame?.toString('hex'))).toEqual(serverFrames(started).slice(1));
    // Kong's answer to the pipelined call arrives afterwards; the connection then serves the next call.
    client.send(Buffer.alloc(0));
    client.send(accessCall(id, 4));
    expect((await client.frame())?.toString()).toBe('kong.request.get_headers');
  });

  it('get the recorded exit, and nothing after it', async () => {
    await serve(recordedPlugin);
    const client = await connect();
    client.send(accessCall(await startInstance(client), 5));
    const answers = [await client.frame(), await client.frame()];
    client.send(kongFrame(rejected, 1));
    answers.push(await client.frame(), await client.frame());
    const [method, max, exit, args] = serverFrames(rejected);
    const got = answers.map((frame) => frame?.toString('hex'));
    expect(got.slice(0, 3)).toEqual([method, max, exit]);
    // The recorded server left `headers` out; an empty Struct says the same.
    expect(got[3]?.replace(/1a00$/, '')).toBe(args);
  });

  it('are refused by the gatekeeper: a request without a token, and one whose token is not for it', async () => {
    await serve(
      new Gatekeeper(
        rawConfig({
          rate_limits: [],
          revocation: { enabled: false, key_prefix: '', fault_tolerant: false },
        }),
        log,
      ),
    );
    for (const [request, reason] of [
      [kongFrame(rejected, 1), 'No bearer token was presented'],
      [kongFrame(started, 2), 'does not verify'],
    ] as const) {
      const client = await connect();
      client.send(accessCall(await startInstance(client)));
      expect((await client.frame())?.toString()).toBe('kong.request.get_headers');
      await client.frame();
      expect((await client.frame())?.toString()).toBe('kong.nginx.get_var');
      expect((await client.frame())?.subarray(2).toString()).toBe('upstream_uri');
      client.send(request);
      client.send(stringResult('/ws/notifications'));
      const args = await exitArgs(client);
      expect(args.subarray(0, 3).toString('hex')).toBe('089103');
      expect(args.toString()).toContain(reason);
    }
  });

  it('for an instance that is not known get the connection closed, nothing else', async () => {
    await serve(recordedPlugin);
    const client = await connect();
    client.send(kongFrame(recording('04-server-restarted-stale-instance-id'), 0));
    expect(await client.frame()).toBeUndefined();
  });
});

describe('the plugin server', () => {
  it('takes a storm in which Kong opens a thousand connections at once', async () => {
    await serve(recordedPlugin);
    const attempts = await Promise.allSettled(Array.from({ length: 1000 }, connect));
    expect(attempts.filter(({ status }) => status === 'rejected')).toEqual([]);
  });

  it('answers 500 by exit when the plugin throws, and drops what the plugin had begun to say', async () => {
    await serve(
      plugin(async (kong) => {
        await kong.service.request.setHeaders({ 'X-Tenant-ID': 'half done' });
        throw new Error('broken');
      }),
    );
    const client = await connect();
    client.send(accessCall(await startInstance(client)));
    expect((await exitArgs(client)).subarray(0, 3).toString('hex')).toBe('08f403');
    expect(client.ended).toBe(false);
  });

  it('refuses every call with 500 when the configuration cannot be used, and does not close', async () => {
    await serve((config) => new Gatekeeper(config, log));
    const client = await connect();
    client.send(accessCall(await startInstance(client)));
    expect((await exitArgs(client)).subarray(0, 3).toString('hex')).toBe('08f403');
    expect(client.ended).toBe(false);
  });

  it('lets nothing be said after exit', async () => {
    let late: unknown;
    await serve(
      plugin(async (kong) => {
        await kong.response.exit(401, '', {});
        late = await kong.service.request.setHeaders({}).catch((error: unknown) => error);
      }),
    );
    const client = await connect();
    client.send(accessCall(await startInstance(client)));
    await client.frame();
    await client.frame();
    expect(late).toMatchObject({ code: 'ERR_EXCHANGE_ENDED' });
  });

  it('survives Kong going away in the middle of a call and tells the plugin', async () => {
    const told = new Promise((resolve) => {
      void serve(
        plugin((kong) =>
          kong.request.getHeaders().then(
            () => undefined,
            (error: unknown) => {
              resolve(error);
            },
          ),
        ),
      );
    });
    await new Promise(setImmediate);
    const client = await connect();
    client.send(accessCall(await startInstance(client)));
    await client.frame();
    client.close();
    await expect(told).resolves.toMatchObject({ code: 'ERR_EXCHANGE_ENDED' });
    const next = await connect();
    expect((await startInstance(next)).length).toBeGreaterThan(0);
  });

  it.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a frame that is no call', Buffer.from('02000000ffff', 'hex')],
    ['a frame over the limit', Buffer.from('00009f00', 'hex')],
  ])('closes a connection that sends %s and serves the others', async (_, bytes) => {
    await serve(recordedPlugin);
    const [bad, good] = [await connect(), await connect()];
    bad.sendRaw(bytes);
    await bad.end();
    expect((await startInstance(good)).length).toBeGreaterThan(0);
  });

  it('goes on after a connection that it cannot accept', async () => {
    const listen = jest.spyOn(Server.prototype, 'listen');
    await serve(recordedPlugin);
    const server = listen.mock.contexts[0] as Server;
    listen.mockRestore();
    server.emit('error', new Error('accept EMFILE'));
    expect(server.listening).toBe(true);
    await startInstance(await connect());
  });

  it('creates its socket with the asked permissions', async () => {
    await serve(recordedPlugin);
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });
});

describe('a restart', () => {
  it('loses no call: the new server takes the path over, the old one ends what is in flight', async () => {
    let answer: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const old = await serve(plugin(() => held));
    const [busy, idle] = [await connect(), await connect()];
    busy.send(accessCall(await startInstance(busy)));
    await startInstance(idle);

    await serve(recordedPlugin);
    const closed = old.close(10_000);
    // Kong uses a connection of its pool: it is told to go elsewhere, by the one sign that it understands.
    idle.send(accessCall(await startInstance(idle)));
    expect(await idle.frame()).toBeUndefined();
    expect(busy.ended).toBe(false);
    answer();
    expect([await busy.frame(), await busy.frame()].map((frame) => frame?.toString('hex'))).toEqual([
      '',
      '0803',
    ]);
    await busy.end();
    busy.close();
    idle.close();
    await closed;

    const fresh = await connect();
    expect((await startInstance(fresh)).length).toBeGreaterThan(0);
  });

  it('never answers with an instance of the old server', async () => {
    const old = await serve(recordedPlugin);
    const first = await connect();
    const id = await startInstance(first);
    first.close();
    await old.close(0);
    await serve(recordedPlugin);
    const second = await connect();
    second.send(accessCall(id));
    expect(await second.frame()).toBeUndefined();
  });

  it('closes nothing unasked while Kong may be about to use it, and starts instances to the end', async () => {
    const server = await serve(recordedPlugin);
    const client = await connect();
    const closed = server.close(10_000);
    const late = await connect();
    for (const each of [client, late]) expect((await startInstance(each)).length).toBeGreaterThan(0);
    expect([client.ended, late.ended]).toEqual([false, false]);
    // Kong's pool forgets them in the end, or the server closes what stayed idle.
    await Promise.all([client.end(), late.end()]);
    for (const each of [client, late]) each.close();
    await closed;
  });

  it('cuts calls that do not end in time', async () => {
    const server = await serve(plugin(() => new Promise(() => undefined)));
    const client = await connect();
    client.send(accessCall(await startInstance(client)));
    await server.close(50);
    await client.end();
    expect(client.ended).toBe(true);
  });
});
