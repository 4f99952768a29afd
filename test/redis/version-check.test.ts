import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { ReplyError, type Redis } from 'ioredis';
import { pino } from 'pino';
import { tellOfServers } from '../../redis/first-look';
import { checkVersion, versionDoubt } from '../../redis/version-check';

const TOO_OLD = 'Redis 6.2.16 is too old: it takes no claim of an AI chat, which is refused with 503';
const MEMORY = 'used_memory:1000\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n';

/** The INFO of a server of this version. */
const server = (version: string): string =>
  `# Server\r\nredis_version:${version}\r\nredis_git_sha1:00000000\r\n`;

/** A connection to such a server. */
function connection(version: string): Redis {
  const info = (section: string): Promise<string> =>
    Promise.resolve(section === 'server' ? server(version) : MEMORY);
  return Object.assign(new EventEmitter(), { info }) as unknown as Redis;
}

describe('the version of a Redis', () => {
  it.each(['6.2.16', '5.0.7', '2.8.24'])('%s is too old', (version) => {
    expect(versionDoubt(server(version))).toContain(`Redis ${version} is too old: `);
  });

  it.each(['7.0.0', '7.2.4', '8.2.1', '10.0.0-rc1'])('%s will do', (version) => {
    expect(versionDoubt(server(version))).toBeUndefined();
  });

  it('will do as Valkey says it, and where it is not told', () => {
    expect(versionDoubt(`${server('7.2.4')}server_name:valkey\r\nvalkey_version:8.0.1\r\n`)).toBeUndefined();
    expect(versionDoubt('# Server\r\n')).toBeUndefined();
  });

  it('is that of the oldest of several', async () => {
    const masters = ['7.4.1', '6.2.16'].map(connection);
    expect(await checkVersion(masters)).toContain(TOO_OLD);
  });

  it('is not known where INFO is denied, and an error when the connection is lost', async () => {
    const failing = (cause: Error): Redis => ({ info: () => Promise.reject(cause) }) as unknown as Redis;
    const denied = new (ReplyError as ErrorConstructor)('NOPERM');
    expect(await checkVersion([failing(denied)])).toBeUndefined();
    await expect(checkVersion([failing(new Error('lost'))])).rejects.toThrow('lost');
  });
});

describe('a program on a Redis that is too old', () => {
  it('says so once, however often it connects', async () => {
    const lines: string[] = [];
    const told = new EventEmitter();
    const log = pino({}, { write: (line: string) => (lines.push(line), void told.emit('line')) });
    const redis = connection('6.2.16');
    tellOfServers(redis, log);
    const line = once(told, 'line');
    redis.emit('ready');
    redis.emit('ready');
    await line;
    redis.emit('ready');
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines.map((each) => JSON.parse(each) as object)).toEqual([
      expect.objectContaining({
        level: 40,
        msg: expect.stringMatching(/^Redis 6\.2\.16 is too old: .*: use Redis 7\.0 or later, or Valkey$/),
      }),
    ]);
  });
});
