import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { KongClient } from '../../fakes/kong-client';
import { KongWorker } from '../../fakes/kong-worker';
import { rawConfig, signToken } from '../fixture';

const BIN = join(__dirname, '../../../dist/plugin/bin/ws-gatekeeper.js');
const AT_ONCE = 24;

let folder: string;
let path: string;
const started: Gatekeeper[] = [];
const kongs: KongWorker[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gk-'));
  path = join(folder, 'gk.sock');
});
afterEach(async () => {
  for (const kong of kongs.splice(0)) kong.close();
  await Promise.all(started.splice(0).map((gatekeeper) => gatekeeper.kill()));
  rmSync(folder, { recursive: true });
});

interface Line {
  readonly msg: string;
  readonly pid: number;
  readonly worker?: number;
  readonly workerPid: number;
  readonly adminPort: number;
  readonly reason?: string;
}

/** ws-gatekeeper with workers, as it is shipped. */
class Gatekeeper {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  readonly #news = new EventEmitter();

  constructor(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [BIN, '--socket', path, '--workers', '2', ...args], {
      env: { PATH: process.env['PATH'], GATEKEEPER_LOG_LEVEL: 'debug', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    started.push(this);
    createInterface({ input: this.child.stdout ?? process.stdin }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
      this.#news.emit('line');
    });
  }

  /** The first line with this message after so many lines. */
  async line(msg: string, after = 0): Promise<Line> {
    for (;;) {
      const found = this.lines.slice(after).find((line) => line.msg === msg);
      if (found !== undefined) return found;
      await once(this.#news, 'line');
    }
  }

  /** The processes of its workers, by number; of each the latest. */
  get workers(): readonly number[] {
    const listening = this.lines.filter(({ msg }) => msg === 'worker listening');
    const latest = new Map(listening.map(({ worker = 0, workerPid }) => [worker, workerPid]));
    return [...latest].sort(([one], [other]) => one - other).map(([, pid]) => pid);
  }

  /** The numbers of the workers that admitted upgrades. */
  get deciders(): ReadonlySet<number | undefined> {
    return new Set(this.lines.filter(({ msg }) => msg === 'admitted').map(({ worker }) => worker));
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill(signal);
    if (signal === 'SIGKILL') this.child.kill('SIGCONT');
    await exit;
  }
}

async function listening(...args: ConstructorParameters<typeof Gatekeeper>): Promise<Gatekeeper> {
  const gatekeeper = new Gatekeeper(...args);
  await gatekeeper.line('listening');
  return gatekeeper;
}

function kongWorker(config: Record<string, unknown> = {}): KongWorker {
  const revocation = { enabled: false, key_prefix: '', fault_tolerant: false };
  const kong = new KongWorker(path, rawConfig({ rate_limits: [], revocation, ...config }));
  kongs.push(kong);
  return kong;
}

async function upgrade(): Promise<Record<string, string>> {
  const now = Math.floor(Date.now() / 1000);
  return { upgrade: 'websocket', authorization: `Bearer ${await signToken({ iat: now, exp: now + 600 })}` };
}

/** The outcomes of so many upgrades at once, so that they come by so many connections: a status, 101, or `closed`. */
async function storm(kong: KongWorker, count = AT_ONCE): Promise<readonly unknown[]> {
  const headers = await upgrade();
  const answers = await Promise.allSettled(Array.from({ length: count }, () => kong.upgrade(headers)));
  return answers.map((answer) =>
    answer.status === 'fulfilled' ? (answer.value.status ?? 101) : (answer.reason as Error).message,
  );
}

function times<T>(count: number, value: T): readonly T[] {
  return Array.from({ length: count }, () => value);
}

async function gone(pid: number): Promise<void> {
  // Orphans have no parent that could be told.
  while (existsSync(`/proc/${pid}/cmdline`)) await new Promise(setImmediate);
}

describe('a gatekeeper with two workers', () => {
  it('answers the ids that either gave out at both, each with its own configuration', async () => {
    const gatekeeper = await listening();
    const [good, foreign] = [kongWorker(), kongWorker({ secret: 'another secret of 32 bytes or more' })];
    // The first upgrade starts the instance.
    expect([await storm(good, 1), await storm(foreign, 1)]).toEqual([[101], [401]]);
    // Who has time takes a connection, so one worker may have taken all.
    while (gatekeeper.deciders.size < 2) {
      good.close();
      const [admitted, refused] = await Promise.all([storm(good), storm(foreign)]);
      expect([admitted, refused]).toEqual([times(AT_ONCE, 101), times(AT_ONCE, 401)]);
    }
  });

  it('has its socket with the permissions that were asked for, and under one name only', async () => {
    await listening(['--socket-mode', '600']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['gk.sock']);
  });

  it('goes on when a worker is killed, and another comes in its place', async () => {
    const gatekeeper = await listening();
    const kong = kongWorker();
    await storm(kong);
    const [killed = 0, other] = gatekeeper.workers;
    const before = gatekeeper.lines.length;
    process.kill(killed, 'SIGKILL');
    expect(await gatekeeper.line('a worker died', before)).toMatchObject({
      worker: 1,
      reason: 'worker 1 ended with SIGKILL',
    });
    kong.close();
    // Kong knows the id from before.
    expect(await storm(kong)).toEqual(times(AT_ONCE, 101));
    await gatekeeper.line('worker listening', before);
    expect(gatekeeper.workers[0]).not.toBe(killed);
    expect(gatekeeper.workers[1]).toBe(other);
    kong.close();
    expect(await storm(kong)).toEqual(times(AT_ONCE, 101));
  });

  it('serves again at the same path when all workers were killed at once', async () => {
    const gatekeeper = await listening(['--admin-port', '0']);
    const kong = kongWorker();
    await storm(kong, 1);
    const before = gatekeeper.lines.length;
    for (const pid of gatekeeper.workers) process.kill(pid, 'SIGKILL');
    await gatekeeper.line('worker listening', before);
    kong.close();
    expect(await storm(kong)).toEqual(times(AT_ONCE, 101));
    expect(readdirSync(folder)).toEqual(['gk.sock']);
    expect(gatekeeper.lines.map(({ msg }) => msg)).not.toContain(
      'another listens on the socket: it gets the admin port',
    );
  });

  it('ends with all workers, and says why, when they die as soon as they start', async () => {
    const { env, makeThemDie } = mortal();
    const gatekeeper = await listening([], env);
    const { workers } = gatekeeper;
    makeThemDie();
    process.kill(workers[0] ?? 0, 'SIGKILL');
    expect(await once(gatekeeper.child, 'exit')).toEqual([1, null]);
    expect(await gatekeeper.line('ws-gatekeeper ends')).toMatchObject({
      reason: 'workers die as soon as they start: worker 1 ended with 7',
    });
    await Promise.all(workers.map(gone));
  });

  it('does not start, and takes no path over, when a worker cannot', async () => {
    const { env, makeThemDie } = mortal();
    makeThemDie();
    const gatekeeper = new Gatekeeper([], env);
    expect(await once(gatekeeper.child, 'exit')).toEqual([1, null]);
    expect(await gatekeeper.line('ws-gatekeeper cannot start')).toMatchObject({
      reason: expect.stringMatching(/^worker [12] ended with 7 before it listened$/),
    });
    expect(existsSync(path)).toBe(false);
  });

  it('leaves no worker behind when the primary is killed', async () => {
    const gatekeeper = await listening();
    const client = await KongClient.connect(path);
    const { workers } = gatekeeper;
    await gatekeeper.kill();
    await Promise.all([client.end(), ...workers.map(gone)]);
    await expect(KongClient.connect(path)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('refuses with 500, and closes nothing, while the primary cannot say whose an id is', async () => {
    const gatekeeper = await listening();
    const kong = kongWorker();
    await storm(kong, 1);
    gatekeeper.child.kill('SIGSTOP');
    const answers = new Set<unknown>();
    // A worker knows its own ids, and the kernel chooses the worker of a connection.
    while (!answers.has(500) || !answers.has(101)) {
      kong.close();
      for (const answer of await storm(kong)) answers.add(answer);
    }
    expect(answers).toEqual(new Set([101, 500]));
    gatekeeper.child.kill('SIGCONT');
    expect(await storm(kong)).toEqual(times(AT_ONCE, 101));
  });
});

describe('an end or a takeover', () => {
  it.each(['SIGTERM', 'SIGHUP'] as const)(
    'is the primary’s to begin: %s to a worker ends nothing',
    async (signal) => {
      const gatekeeper = await listening();
      for (const pid of gatekeeper.workers) process.kill(pid, signal);
      expect(await storm(kongWorker())).toEqual(times(AT_ONCE, 101));
      await gatekeeper.kill(signal);
      expect(gatekeeper.child.exitCode).toBe(0);
      await Promise.all(gatekeeper.workers.map(gone));
      expect(gatekeeper.lines.map(({ msg }) => msg)).not.toContain('a worker died');
    },
  );

  it('hands Kong’s calls to the gatekeeper that took the path over, and leaves that its socket', async () => {
    const old = await listening();
    const kong = kongWorker();
    await storm(kong);
    const fresh = await listening();
    const stopped = old.kill('SIGTERM');
    await old.line('stopping');
    // Kong's pool still leads to the old one, which has retired: that much tells Kong to start an instance anew.
    await stopped;
    expect(old.child.exitCode).toBe(0);
    expect(await storm(kongWorker())).toEqual(times(AT_ONCE, 101));
    expect(fresh.deciders.size).toBeGreaterThan(0);
    expect(readdirSync(folder)).toEqual(['gk.sock']);
  });
});

describe('metrics of several workers', () => {
  it('are one process’s, which counts on when a worker dies, and live as long as a worker listens', async () => {
    const gatekeeper = await listening(['--admin-port', '0']);
    const { adminPort } = await gatekeeper.line('listening');
    const get = async (name: string) => (await fetch(`http://127.0.0.1:${adminPort}/${name}`)).text();
    const admitted = async () =>
      /^ws_gatekeeper_decisions_total\{outcome="admitted"\} (\d+)$/m.exec(await get('metrics'))?.[1];
    await storm(kongWorker());
    expect(await admitted()).toBe(String(AT_ONCE));
    const before = gatekeeper.lines.length;
    process.kill(gatekeeper.workers[0] ?? 0, 'SIGKILL');
    await gatekeeper.line('a worker died', before);
    expect(await admitted()).toBe(String(AT_ONCE));
    await gatekeeper.line('worker listening', before);
    const text = await get('metrics');
    expect(text).toMatch(/^ws_gatekeeper_workers 2$/m);
    expect(text).toMatch(/^ws_gatekeeper_worker_deaths_total 1$/m);
    expect(text).toMatch(/^ws_gatekeeper_build_info\{.*\} 1$/m);
    expect(await get('livez')).toBe('ok\n');
  });
});

/** An environment in which workers end with 7 once they are made to. */
function mortal(): { readonly env: Readonly<Record<string, string>>; readonly makeThemDie: () => void } {
  const [script, mark] = [join(folder, 'mortal.cjs'), join(folder, 'mark')];
  writeFileSync(
    script,
    `if (process.env.WS_GATEKEEPER_WORKER && require('node:fs').existsSync(${JSON.stringify(mark)})) process.exit(7);`,
  );
  return {
    env: { NODE_OPTIONS: `--require ${script}` },
    makeThemDie: () => {
      writeFileSync(mark, '');
    },
  };
}
