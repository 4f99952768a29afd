import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { connectService, type PresenceChange, type Service } from '../../../service/src/index';
import { makeOwnFolder } from '../../fakes/own-folder';
import { connect, eventually, startBridge } from '../../sidecar/fixture';
import { TOPOLOGIES, type Topology } from '../fixture';

let topology: Topology;
let service: Service;
let faults: unknown[];

async function start(name = 'one server', prefix = ''): Promise<void> {
  const started = await TOPOLOGIES[name]?.();
  if (started === undefined) throw new Error(`no topology ${name}`);
  topology = started;
  faults = [];
  service = connectService({ redis: topology.redis, prefix, onFault: (cause) => faults.push(cause) });
}
afterEach(async () => {
  await service.close();
  await topology.stop();
});

/** Adds a change as a bridge does. @returns its entry */
async function add(type: string, id: string, stream = 'ws:presence'): Promise<string> {
  const entry = await topology.redis.xadd(
    ...[stream, '*', 'type', type, 'tenant', 'acme', 'route', 'board'],
    ...['channel', `acme:dashboard:refresh:${id}`, 'params', JSON.stringify({ id })],
  );
  if (entry === null) throw new Error('expected an entry');
  return entry;
}

/** The messages to a handler, in short. */
function collect(options?: Parameters<Service['onPresence']>[1]) {
  const told: string[] = [];
  const stop = service.onPresence(({ type, params }) => told.push(`${type} ${params['id']}`), options);
  return { told, stop };
}

/** How many connections wait for a change. */
async function waiting(): Promise<number> {
  const list = String(await (topology.redis as Redis).client('LIST'));
  return list.split('\n').filter((line) => line.includes('cmd=xread')).length;
}

describe.each(Object.keys(TOPOLOGIES))('a service on %s', (name) => {
  beforeEach(() => start(name), 60_000);

  it('is told of the oldest change that is kept and of all after it, in order', async () => {
    await add('joined', 'd1');
    const { told } = collect({ from: 'oldest' });
    await eventually(() => told.length === 1);
    await add('left', 'd1');
    await add('joined', 'd2');
    await eventually(() => told.length === 3);
    expect([told, faults]).toEqual([['joined d1', 'left d1', 'joined d2'], []]);
  }, 60_000);
});

describe('a service that asks who listens', () => {
  beforeEach(() => start());

  it('is told of what comes from then on, with all that the bridge said', async () => {
    await add('joined', 'before');
    const changes: PresenceChange[] = [];
    service.onPresence((change) => changes.push(change));
    await eventually(async () => (await waiting()) === 1);
    const [entry] = [await add('joined', 'd1'), await add('left', 'd1')];
    await eventually(() => changes.length === 2);
    expect(changes[0]).toEqual({
      ...{ type: 'joined', tenant: 'acme', route: 'board', channel: 'acme:dashboard:refresh:d1' },
      ...{ params: { id: 'd1' }, session: undefined, time: Number(entry.split('-')[0]) },
    });
  });

  it('goes on behind a handler that throws or rejects, and an entry that is none', async () => {
    const told: string[] = [];
    service.onPresence(
      ({ type, params }) => {
        told.push(`${type} ${params['id']}`);
        if (type === 'left') throw new Error('thrown');
        return Promise.reject(new Error('rejected'));
      },
      { from: 'oldest' },
    );
    await topology.redis.xadd('ws:presence', '*', 'type', 'joined');
    await topology.redis.xadd(
      'ws:presence',
      '*',
      'type',
      'gone',
      'tenant',
      't',
      'route',
      'r',
      'channel',
      'c',
    );
    await add('joined', 'd1');
    await add('left', 'd1');
    await eventually(() => told.length === 2);
    await eventually(() => faults.length === 4);
    expect(faults.map((fault) => (fault as Error).message.replace(/\d+-\d+/, 'ID')).sort()).toEqual([
      'expected a change of presence in entry ID',
      'expected a change of presence in entry ID',
      'rejected',
      'thrown',
    ]);
  });

  it('misses nothing when its connection breaks', async () => {
    const { told } = collect();
    await eventually(async () => (await waiting()) === 1);
    await topology.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    for (const id of ['d1', 'd2', 'd3']) await add('joined', id);
    await eventually(() => told.length === 3);
    expect(told).toEqual(['joined d1', 'joined d2', 'joined d3']);
  });

  it('is told nothing once it asks no more, or is closed', async () => {
    const [stopped, other] = [collect({ from: 'oldest' }), collect({ from: 'oldest' })];
    stopped.stop();
    await add('joined', 'd1');
    await eventually(() => other.told.length === 1);
    expect(stopped.told).toEqual([]);
    await eventually(async () => (await waiting()) === 1);
    await service.close();
    await eventually(async () => (await waiting()) === 0);
    expect(() => service.onPresence(() => undefined)).toThrow(TypeError);
    expect(faults).toEqual([]);
  });
});

describe('a service and a bridge', () => {
  it('agree on the stream, under a prefix too', async () => {
    await start('one server', 'staging:');
    const file = join(makeOwnFolder('routes-').path, 'routes.json');
    const board = { name: 'board', path: '/ws/b/{id}', channels: ['{tenant}:b:{id}'], messages: 'refuse' };
    writeFileSync(file, JSON.stringify({ routes: [{ ...board, presence: true }] }));
    const { options } = topology.redis as Redis;
    const bridge = await startBridge(`redis://127.0.0.1:${options.port}`, {
      BRIDGE_ROUTES_FILE: file,
      BRIDGE_CHANNEL_PREFIX: 'staging:',
      BRIDGE_PRESENCE_LINGER_MS: '1000',
    });
    const changes: PresenceChange[] = [];
    service.onPresence((change) => changes.push(change), { from: 'oldest' });
    const client = await connect(`${bridge.url}/ws/b/${encodeURIComponent('x:y')}`, {
      tenant: 'a:b',
      user: 'u',
    });
    await eventually(() => changes.length === 1);
    expect(changes[0]).toMatchObject({ type: 'joined', tenant: 'a:b', params: { id: 'x:y' } });
    // Its channel is the one that the service publishes to.
    expect(await service.publish(changes[0]?.channel ?? '', 'hello')).toBe(1);
    expect(await client.nextText()).toBe('"hello"');
    await client.close();
    await eventually(() => changes.length === 2);
    expect(changes[1]).toEqual({ ...changes[0], type: 'left', time: changes[1]?.time });
    await bridge.bridge.close();
  });
});
