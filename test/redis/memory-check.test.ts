import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { parseConfig } from '../../plugin/config/parse';
import { closeStores, holdStores } from '../../plugin/store/held-stores';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { WITHOUT_ROOM } from '../fakes/refused-writes';
import { rawConfig } from '../plugin/fixture';
import { askUpgrade, eventually, headersFor, startBridge, type TestBridge } from '../sidecar/fixture';

const ABOUT_MEMORY = /^maxmemory|^whether Redis evicts/;
const [INFO, WARN] = [30, 40];

interface Line {
  readonly msg: string;
  readonly level: number;
}

let server: RedisServer;
let admin: Redis;
const bridges: TestBridge[] = [];

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.url);
});
afterEach(async () => {
  for (const { bridge } of bridges.splice(0)) await bridge.close();
  closeStores();
  await WITHOUT_ROOM.end(admin);
  await admin.config('SET', 'maxmemory-policy', 'noeviction');
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

/** A program that was started. */
interface Started {
  /** The lines that it has logged of Redis's memory so far. */
  readonly told: () => readonly Line[];
  /** Asks Redis for something over the connection whose memory is told of. @throws when that is not there */
  readonly ask: () => Promise<unknown>;
}

function about(lines: readonly string[]): () => readonly Line[] {
  return () => lines.map((line) => JSON.parse(line) as Line).filter(({ msg }) => ABOUT_MEMORY.test(msg));
}

/** Resolves once the program's connections were lost and are there again: what is told with each of them is told by then. */
async function reconnected({ ask }: Started): Promise<void> {
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  const isThere = (): Promise<boolean> =>
    ask().then(
      () => true,
      () => false,
    );
  await eventually(isThere);
  // Redis answers in order: what was asked before is answered, and the line is written within this turn.
  await new Promise((resolve) => setImmediate(resolve));
}

/** The gatekeeper connects with its configuration, the bridge with its start. */
const PROGRAMS: readonly [string, (url: string) => Promise<Started>][] = [
  [
    'ws-bridge',
    async (url) => {
      const started = await startBridge(url);
      bridges.push(started);
      const chat = `${started.url}/ws/ai/chat?session=s1`;
      const ask = async (): Promise<void> => {
        const { status } = await askUpgrade(chat, await headersFor({ tenant: 'acme', user: 'alice' }));
        if (status !== 101) throw new Error(`expected 101, got ${status}`);
      };
      return { told: about(started.logLines), ask };
    },
  ],
  [
    'ws-gatekeeper',
    async (url) => {
      const lines: string[] = [];
      const { redis } = (await parseConfig(rawConfig())).config;
      const log = pino({ level: 'debug' }, { write: (line) => void lines.push(line) });
      const { shared } = holdStores({ ...redis, url }, log);
      return { told: about(lines), ask: () => shared.ask({ limits: [], revocationKey: 'blacklist:j' }) };
    },
  ],
];

describe.each(PROGRAMS)('%s at its start', (_, start) => {
  it('warns once of a Redis that evicts, and of what that means for tokens and sessions', async () => {
    await admin.config('SET', 'maxmemory-policy', 'volatile-lru', 'maxmemory', '1gb');
    const started = await start(server.url);
    const { told } = started;
    await eventually(() => told().length > 0);
    await reconnected(started);
    expect(told()).toEqual([
      expect.objectContaining({
        level: WARN,
        msg: expect.stringMatching(/^maxmemory-policy volatile-lru evicts: .*revoked token.*AI session/),
      }),
    ]);
  });

  it('warns of a Redis that evicts nothing and has no room left', async () => {
    await WITHOUT_ROOM.begin(admin);
    const { told } = await start(server.url);
    await eventually(() => told().length > 0);
    expect(told()).toEqual([
      expect.objectContaining({
        level: WARN,
        msg: expect.stringMatching(/is reached and nothing is evicted/),
      }),
    ]);
  });

  it('says once and in passing that it may not read it, where the ACL denies INFO', async () => {
    await admin.acl('SETUSER', 'uninformed', 'on', '>secret', '~*', '&*', '+@all', '-info');
    const started = await start(server.url.replace('://', '://uninformed:secret@'));
    const { told } = started;
    await eventually(() => told().length > 0);
    await reconnected(started);
    expect(told()).toEqual([
      expect.objectContaining({
        level: INFO,
        msg: expect.stringContaining('could not be read (NOPERM'),
      }),
    ]);
  });

  it('does not wait for a Redis that is away: it warns once that comes', async () => {
    const away = await startRedis((port) => [
      ...['--port', `${port}`],
      ...['--maxmemory', '1gb', '--maxmemory-policy', 'allkeys-lru'],
    ]);
    await away.stop();
    const { told } = await start(away.url);
    expect(told()).toEqual([]);
    await away.restart();
    await eventually(() => told().length > 0);
    expect(told()).toHaveLength(1);
    await away.stop();
  });
});
