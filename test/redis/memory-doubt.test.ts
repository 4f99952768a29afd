import { describe, expect, it } from '@jest/globals';
import { gravestDoubt, memoryDoubt, unreadMemory } from '../../redis/memory-doubt';

function info(policy: string, maxBytes: number, usedBytes: number): string {
  return `# Memory\r\nused_memory:${usedBytes}\r\nused_memory_human:1M\r\nmaxmemory:${maxBytes}\r\nmaxmemory_human:1M\r\nmaxmemory_policy:${policy}\r\n`;
}

describe('what Redis says of its memory', () => {
  it.each(['allkeys-lru', 'volatile-ttl', 'volatile-random', 'allkeys-lfu'])(
    'is in doubt when it evicts by %s: tokens and sessions are named, and both ways out',
    (policy) => {
      expect(memoryDoubt(info(policy, 1000, 1))).toEqual({
        kind: 'evicts',
        text: expect.stringMatching(
          new RegExp(
            `^maxmemory-policy ${policy} evicts: .*revoked token.*AI session.*noeviction.*revocation\\.redis`,
          ),
        ),
      });
    },
  );

  it('is in doubt when nothing is evicted and no room is left', () => {
    const doubt = memoryDoubt(info('noeviction', 1000, 1000));
    expect(doubt?.kind).toBe('full');
    expect(doubt?.text).toMatch(
      /^maxmemory \(1000 bytes\) is reached and nothing is evicted: .*no new session/,
    );
  });

  it.each([
    ['there is no limit', info('allkeys-lru', 0, 5_000_000)],
    ['nothing is evicted and there is room', info('noeviction', 1000, 999)],
  ])('is in no doubt when %s', (_, text) => {
    expect(memoryDoubt(text)).toBeUndefined();
  });

  it.each([
    ['no policy', 'maxmemory:1000\r\n'],
    ['no limit', 'maxmemory_policy:noeviction\r\n'],
    ['nothing', ''],
  ])('is unread when it has %s', (_, text) => {
    expect(memoryDoubt(text)?.kind).toBe('unread');
  });

  it('of several servers is that of the gravest', () => {
    const [evicts, full, unread] = [
      memoryDoubt(info('allkeys-lru', 1, 1)),
      memoryDoubt(info('noeviction', 1, 1)),
      unreadMemory('NOPERM'),
    ];
    expect(gravestDoubt([undefined, unread, full, evicts])).toBe(evicts);
    expect(gravestDoubt([unread, undefined, full])).toBe(full);
    expect(gravestDoubt([undefined, unread])).toBe(unread);
    expect(gravestDoubt([undefined])).toBeUndefined();
  });
});
