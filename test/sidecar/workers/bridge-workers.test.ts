import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  connect,
  connectCounting,
  eventually,
  headersFor,
  type Answer,
  type Client,
  type CountingClient,
} from '../fixture';
import { BridgeWithWorkers, gone } from './bridge-with-workers';

const PATH = '/ws/notifications';
const CHAT = '/ws/ai/chat?session=s1';
const COPIES = 200;

let redis: RedisServer;
let publisher: Redis;
let folder: string;
const started: BridgeWithWorkers[] = [];
const clients: Client[] = [];

beforeAll(async () => {
  redis = await startRedis();
  publisher = new Redis(redis.url);
});
afterAll(async () => {
  publisher.disconnect();
  await redis.stop();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'workers-'));
});
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.terminate();
  await Promise.all(started.splice(0).map((bridge) => bridge.kill()));
  rmSync(folder, { recursive: true });
  await publisher.flushall();
});

function spawned(env: Readonly<Record<string, string>> = {}): BridgeWithWorkers {
  const bridge = new BridgeWithWorkers(redis.url, env);
  started.push(bridge);
  return bridge;
}

function listening(env: Readonly<Record<string, string>> = {}): Promise<BridgeWithWorkers> {
  return spawned(env).start();
}

let users = 0;

/** Opens sockets until each worker has some, each of a user of its own. @returns them by the worker's number */
async function atEachWorker(bridge: BridgeWithWorkers, path = PATH): Promise<Map<number, Client[]>> {
  const byWorker = new Map<number, Client[]>();
  while (byWorker.size < 2) {
    const user = `u${(users += 1)}`;
    const client = await connect(`${bridge.url}${path}`, { tenant: 'acme', user });
    clients.push(client);
    const worker = await bridge.deciderOf(user);
    byWorker.set(worker, [...(byWorker.get(worker) ?? []), client]);
  }
  return byWorker;
}

/** Goes on with a chat where it was, until that is at the other worker. */
async function goOnElsewhere(
  bridge: BridgeWithWorkers,
  caller: { readonly tenant: string; readonly user: string },
  from: string,
  elsewhere: (worker: number) => boolean,
): Promise<CountingClient> {
  for (let point = from; ;) {
    const after = bridge.lines.length;
    const chat = await connectCounting(`${bridge.url}${CHAT}`, caller, point);
    clients.push(chat.client);
    if (elsewhere(await bridge.deciderOf(caller.user, after))) return chat;
    await chat.client.cut();
    point = chat.point;
  }
}

describe('an assertion at a bridge with two workers', () => {
  it('counts once: the worker that did not accept it refuses it as well', async () => {
    const bridge = await listening();
    const headers = await headersFor({ tenant: 'acme', user: 'alice' });
    expect(await askUpgrade(`${bridge.url}${PATH}`, headers)).toMatchObject({ status: 101 });
    const deciders = new Set<number | undefined>();
    while (deciders.size < 2) {
      expect(await askUpgrade(`${bridge.url}${PATH}`, headers)).toMatchObject({
        status: 401,
        body: '{"message":"the assertion was used before"}',
      });
      for (const { outcome, worker } of bridge.lines) if (outcome === 'unauthorized') deciders.add(worker);
    }
  });

  it('is accepted once when all of its copies come at the same time', async () => {
    const bridge = await listening();
    const headers = await headersFor({ tenant: 'acme', user: 'alice' });
    const answers = await Promise.all(
      Array.from({ length: COPIES }, () => askUpgrade(`${bridge.url}${PATH}`, headers)),
    );
    const of = (status: number): number =>
      answers.filter((answer: Answer) => answer.status === status).length;
    expect({ admitted: of(101), refused: of(401) }).toEqual({ admitted: 1, refused: COPIES - 1 });
  });

  it('counts once when one copy is for a socket and the other posts a message', async () => {
    const bridge = await listening();
    const headers = await headersFor({ tenant: 'acme', user: 'alice' });
    await connect(`${bridge.url}${CHAT}`, { tenant: 'acme', user: 'alice' });
    expect(await askUpgrade(`${bridge.url}${PATH}`, headers)).toMatchObject({ status: 101 });
    const deciders = new Set<number | undefined>();
    while (deciders.size < 2) {
      const posted = await fetch(`${bridge.url.replace('ws', 'http')}${CHAT}`, {
        method: 'POST',
        headers,
        body: '{"type":"ask"}',
      });
      expect([posted.status, await posted.json()]).toEqual([
        401,
        { message: 'the assertion was used before' },
      ]);
      for (const { msg, worker } of bridge.lines) if (msg === 'posted message') deciders.add(worker);
    }
  });

  it('that was accepted stays used when its worker is killed and another comes', async () => {
    const bridge = await listening();
    const headers = await headersFor({ tenant: 'acme', user: 'alice' });
    expect(await askUpgrade(`${bridge.url}${PATH}`, headers)).toMatchObject({ status: 101 });
    const decider = await bridge.deciderOf('alice');
    const before = bridge.lines.length;
    bridge.signal(decider, 'SIGKILL');
    await bridge.line('worker listening', before);
    const deciders = new Set<number | undefined>();
    while (deciders.size < 2) {
      expect(await askUpgrade(`${bridge.url}${PATH}`, headers)).toMatchObject({ status: 401 });
      for (const { outcome, worker } of bridge.lines.slice(before))
        if (outcome === 'unauthorized') deciders.add(worker);
    }
  });

  it('is refused with 503 while the primary does not answer', async () => {
    const bridge = await listening({ BRIDGE_HANDSHAKE_TIMEOUT_MS: '3000' });
    bridge.child.kill('SIGSTOP');
    const headers = await headersFor({ tenant: 'acme', user: 'alice' });
    expect(await askUpgrade(`${bridge.url}${PATH}`, headers)).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: '{"message":"the bridge cannot tell now whether the assertion was used before"}',
    });
    bridge.child.kill('SIGCONT');
    await connect(`${bridge.url}${PATH}`, { tenant: 'acme', user: 'bob' });
  });

  it('is refused with 503 where as many are remembered as all workers together may', async () => {
    const bridge = await listening({ BRIDGE_MAX_SEEN_ASSERTIONS: '2' });
    const ask = async (user: string) =>
      (await askUpgrade(`${bridge.url}${PATH}`, await headersFor({ tenant: 'acme', user }))).status;
    expect([await ask('a'), await ask('b'), await ask('c')]).toEqual([101, 101, 503]);
  });
});

describe('two workers', () => {
  it('serve a session that goes from one to the other, with every frame once', async () => {
    const bridge = await listening();
    const caller = { tenant: 'acme', user: 'alice' };
    const chat = await connectCounting(`${bridge.url}${CHAT}`, caller);
    clients.push(chat.client);
    const first = await bridge.deciderOf('alice');
    await publisher.publish('ai:stream:s1', 'one');
    expect(await chat.take(1)).toEqual(['one']);
    await chat.client.cut();
    await publisher.publish('ai:stream:s1', 'two');
    const before = bridge.lines.length;
    const { point } = chat;
    const next = await connectCounting(`${bridge.url}${CHAT}`, caller, point);
    clients.push(next.client);
    expect(await next.take(1)).toEqual(['two']);
    const there = await bridge.deciderOf('alice', before);
    const elsewhere =
      there === first ? await goOnElsewhere(bridge, caller, await cutAt(next), (n) => n !== first) : next;
    await publisher.publish('ai:stream:s1', 'three');
    expect(await elsewhere.take(1)).toEqual(['three']);
    expect(await bridge.metric('ws_bridge_gaps_total')).toBe(0);
    expect(await bridge.metric('ws_bridge_handovers_total\\{side="taken",outcome="done"\\}')).toBeGreaterThan(
      0,
    );
  });

  it('both obey an order to end a tenant’s sockets', async () => {
    const bridge = await listening();
    const open = [...(await atEachWorker(bridge)).values()].flat();
    await publisher.publish('ws:control', JSON.stringify({ type: 'revoke', tenant: 'acme' }));
    expect(await Promise.all(open.map(({ closed }) => closed))).toEqual(open.map(() => 4401));
  });

  it('answer a service that asks who is connected each for its own sockets, as two bridges', async () => {
    const bridge = await listening();
    const open = await atEachWorker(bridge);
    const ear = new Redis(redis.url);
    await ear.subscribe('ws:reply:r1');
    const answers: { bridge: string; users: unknown[] }[] = [];
    ear.on('message', (_channel, text: string) => {
      answers.push(JSON.parse(text) as (typeof answers)[number]);
    });
    await publisher.publish(
      'ws:control',
      JSON.stringify({ type: 'list', id: 'q', reply: 'r1', tenant: 'acme' }),
    );
    await eventually(() => answers.length === 2);
    ear.disconnect();
    expect(new Set(answers.map((answer) => answer.bridge)).size).toBe(2);
    expect(answers.flatMap((answer) => answer.users)).toHaveLength([...open.values()].flat().length);
  });

  it('go on when one is killed: its clients resume, nobody else notices, and another comes', async () => {
    const bridge = await listening();
    const caller = { tenant: 'acme', user: 'alice' };
    const chat = await connectCounting(`${bridge.url}${CHAT}`, caller);
    const worker = await bridge.deciderOf('alice');
    const open = await atEachWorker(bridge);
    const before = bridge.lines.length;
    const [killed, other] = worker === 1 ? bridge.workers : [...bridge.workers].reverse();
    bridge.signal(worker, 'SIGKILL');
    expect(await chat.client.closed).toBe(1006);
    expect(await bridge.line('a worker died', before)).toMatchObject({
      worker,
      reason: `worker ${worker} ended with SIGKILL`,
    });
    const again = await connectCounting(`${bridge.url}${CHAT}`, caller, chat.point);
    clients.push(again.client);
    // Nobody has kept what came for it.
    expect(await again.next()).toMatchObject({ type: 'bridge.gap' });
    await publisher.publish('ai:stream:s1', 'on');
    expect(await again.next()).toBe('on');
    await bridge.line('worker listening', before);
    expect(bridge.workers[worker - 1]).not.toBe(killed);
    expect(bridge.workers[2 - worker]).toBe(other);
    const undisturbed = open.get(3 - worker) ?? [];
    expect(undisturbed.map(({ socket }) => socket.readyState)).toEqual(undisturbed.map(() => 1));
    await publisher.publish('acme:notifications', 'news');
    for (const client of undisturbed) expect(await client.nextText()).toBe('news');
    await atEachWorker(bridge);
  });

  it('listen again on the port that was any when both are killed at once', async () => {
    const bridge = await listening();
    const before = bridge.lines.length;
    for (const worker of [1, 2]) bridge.signal(worker, 'SIGKILL');
    await bridge.line('worker listening', before);
    clients.push(await connect(`${bridge.url}${PATH}`, { tenant: 'acme', user: 'alice' }));
    // At the same port as the first of them.
    expect((await atEachWorker(bridge)).size).toBe(2);
  });

  it('end at once when the primary is killed, and keep no port', async () => {
    const bridge = await listening();
    const open = [...(await atEachWorker(bridge)).values()].flat();
    const { workers, url } = bridge;
    await bridge.kill();
    await Promise.all([...open.map(({ closed }) => closed), ...workers.map(gone)]);
    await expect(connect(`${url}${PATH}`, { tenant: 'acme', user: 'x' })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });

  it('share the caps of their bridge', async () => {
    const bridge = await listening({ BRIDGE_MAX_CONNECTIONS: '5' });
    const ask = async (user: string): Promise<number> =>
      connect(`${bridge.url}${PATH}`, { tenant: 'acme', user }).then(
        (client) => {
          clients.push(client);
          return 101;
        },
        (error: unknown) => Number(/\d+$/.exec((error as Error).message)?.[0]),
      );
    // A half of five, rounded down, is two. The kernel chooses the worker, and may choose one for long.
    for (let i = 0; clients.length < 4; i += 1) expect([101, 503]).toContain(await ask(`full${i}`));
    const more = Array.from({ length: 20 }, (_, i) => ask(`more${i}`));
    expect(new Set(await Promise.all(more))).toEqual(new Set([503]));
    expect(await bridge.metric('ws_bridge_max_connections')).toBe(4);
  });
});

describe('the end of a bridge with workers', () => {
  it.each(['SIGTERM', 'SIGHUP'] as const)(
    'is the primary’s to begin: %s to a worker ends nothing',
    async (signal) => {
      const bridge = await listening();
      for (const worker of [1, 2]) bridge.signal(worker, signal);
      expect((await atEachWorker(bridge)).size).toBe(2);
      expect(bridge.lines.map(({ msg }) => msg)).not.toContain('a worker died');
    },
  );

  it('is gentle at SIGTERM: the port is closed, sockets of both are closed with 1012, and it ends with 0', async () => {
    const bridge = await listening({ BRIDGE_DRAIN_MS: '500', BRIDGE_LINGER_MS: '200' });
    const open = [...(await atEachWorker(bridge)).values()].flat();
    const exit = once(bridge.child, 'exit');
    bridge.child.kill('SIGTERM');
    await eventually(() => refusesConnections(bridge.url));
    expect(await Promise.all(open.map(({ closed }) => closed))).toEqual(open.map(() => 1012));
    expect(await exit).toEqual([0, null]);
    await Promise.all(bridge.workers.map(gone));
    expect(bridge.lines.map(({ msg }) => msg)).not.toContain('a worker died');
    expect(bridge.stderr).toBe('');
  });

  it('says while it drains that it is not ready, and still tells its metrics', async () => {
    const bridge = await listening({ BRIDGE_DRAIN_MS: '60000' });
    await atEachWorker(bridge);
    bridge.child.kill('SIGTERM');
    await eventually(() => refusesConnections(bridge.url));
    const ready = await fetch(`${bridge.adminUrl}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { ready: { accepting: false } }]);
    await eventually(async () => (await bridge.metric('ws_bridge_draining')) === 1);
    const exit = once(bridge.child, 'exit');
    bridge.child.kill('SIGINT');
    expect(await exit).toEqual([0, null]);
  });

  it('comes at once at SIGINT', async () => {
    const bridge = await listening({ BRIDGE_DRAIN_MS: '60000' });
    const open = [...(await atEachWorker(bridge)).values()].flat();
    const exit = once(bridge.child, 'exit');
    bridge.child.kill('SIGINT');
    expect(await Promise.all(open.map(({ closed }) => closed))).toEqual(open.map(() => 1012));
    expect(await exit).toEqual([0, null]);
  });

  it('comes when workers die as soon as they start: it says why, and closes what is left with 1012', async () => {
    const { env, makeThemDie } = mortal();
    const bridge = await listening(env);
    const open = await atEachWorker(bridge);
    makeThemDie();
    const exit = once(bridge.child, 'exit');
    bridge.signal(1, 'SIGKILL');
    expect(await exit).toEqual([1, null]);
    expect(await bridge.line('ws-bridge ends')).toMatchObject({
      reason: 'workers die as soon as they start: worker 1 ended with 7',
    });
    for (const client of open.get(2) ?? []) expect(await client.closed).toBe(1012);
    await Promise.all(bridge.workers.map(gone));
  });
});

describe('a bridge whose workers cannot start', () => {
  it('says once on which port they cannot listen, and ends with 1', async () => {
    const first = await listening();
    const bridge = spawned({ BRIDGE_PORT: new URL(first.url).port });
    expect(await once(bridge.child, 'close')).toEqual([1, null]);
    expect(bridge.stderr).toMatch(/^ws-bridge: .*EADDRINUSE.*\n$/);
  });

  it('says once which file is missing, and ends with 1', async () => {
    const bridge = spawned({ BRIDGE_ROUTES_FILE: '/nowhere/routes.json' });
    expect(await once(bridge.child, 'close')).toEqual([1, null]);
    expect(bridge.stderr).toBe('ws-bridge: /nowhere/routes.json: expected a readable file\n');
  });

  it('says that the admin port is taken, and leaves no worker', async () => {
    const first = await listening();
    const bridge = spawned({ BRIDGE_ADMIN_PORT: new URL(first.adminUrl).port });
    expect(await once(bridge.child, 'close')).toEqual([1, null]);
    expect(bridge.stderr).toMatch(/^ws-bridge: listen EADDRINUSE.*\n$/);
    await Promise.all(bridge.workers.map(gone));
  });
});

describe('the admin port of a bridge with workers', () => {
  it('tells the sums of all workers, and counts on when one dies', async () => {
    const bridge = await listening();
    const open = [...(await atEachWorker(bridge)).values()].flat();
    const admitted = 'ws_bridge_upgrades_total\\{.*outcome="admitted"\\}';
    expect(await bridge.metric('ws_bridge_connections')).toBe(open.length);
    expect(await bridge.metric(admitted)).toBe(open.length);
    expect(await bridge.metric('ws_bridge_workers')).toBe(2);
    expect(await bridge.metric('ws_bridge_build_info')).toBe(1);
    expect(await bridge.metric('ws_bridge_max_connections')).toBe(50_000);
    expect(await bridge.metric('ws_bridge_redis_up\\{connection="commands"\\}')).toBe(1);
    expect(await bridge.metric('ws_bridge_draining')).toBe(0);
    const before = bridge.lines.length;
    bridge.signal(1, 'SIGKILL');
    await bridge.line('worker listening', before);
    expect(await bridge.metric(admitted)).toBe(open.length);
    expect(await bridge.metric('ws_bridge_worker_deaths_total')).toBe(1);
    expect(await bridge.metric('ws_bridge_workers')).toBe(2);
  });

  it('counts the lines of workers that the primary drops because nobody reads the log', async () => {
    const bridge = await listening();
    const dropped = () => bridge.metric('ws_bridge_log_lines_dropped_total');
    expect(await dropped()).toBe(0);
    bridge.child.stdout?.pause();
    // Each worker has a line of it, and a megabyte of them may wait.
    const order = JSON.stringify({ type: 'revoke', tenant: 'nobody', path: `/${'x'.repeat(8000)}` });
    await eventually(async () => {
      await Promise.all(Array.from({ length: 20 }, () => publisher.publish('ws:control', order)));
      return (await dropped()) > 0;
    });
    // Its last line may be cut when it is killed.
    bridge.child.stdout?.destroy();
  });

  it('is ready when both workers are, and names what is not', async () => {
    const bridge = await listening();
    const ready = async () => {
      const answer = await fetch(`${bridge.adminUrl}/readyz`);
      const { ready: parts } = (await answer.json()) as { ready: Record<string, boolean> };
      return { status: answer.status, ready: parts };
    };
    await eventually(async () => (await ready()).status === 200);
    const before = bridge.lines.length;
    // One that hangs is not live either.
    bridge.signal(1, 'SIGSTOP');
    expect(await ready()).toMatchObject({ status: 503, ready: { workers: false, accepting: true } });
    expect((await fetch(`${bridge.adminUrl}/livez`)).status).toBe(503);
    bridge.signal(1, 'SIGKILL');
    await bridge.line('worker listening', before);
    await eventually(async () => (await ready()).status === 200);
    expect((await fetch(`${bridge.adminUrl}/livez`)).status).toBe(200);
  });
});

async function cutAt(chat: CountingClient): Promise<string> {
  await chat.client.cut();
  return chat.point;
}

async function refusesConnections(url: string): Promise<boolean> {
  const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
  try {
    await once(socket, 'connect');
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}

/** An environment in which workers end with 7 once they are made to. */
function mortal(): { readonly env: Readonly<Record<string, string>>; readonly makeThemDie: () => void } {
  const [script, mark] = [join(folder, 'mortal.cjs'), join(folder, 'mark')];
  writeFileSync(
    script,
    `if (process.env.WS_BRIDGE_WORKER && require('node:fs').existsSync(${JSON.stringify(mark)})) process.exit(7);`,
  );
  return {
    env: { NODE_OPTIONS: `--require ${script}` },
    makeThemDie: () => {
      writeFileSync(mark, '');
    },
  };
}
