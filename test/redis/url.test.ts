import { describeTarget, parseRedisUrl, redisUrlFault } from '../../redis/url';

const NOBODY = { username: undefined, password: undefined };

describe('a Redis URL', () => {
  it.each([
    ['redis://h', { kind: 'single', tls: false, database: 0, nodes: [{ host: 'h', port: 6379 }], ...NOBODY }],
    [
      'rediss://u:p%40%3A@[::1]:1/2',
      {
        kind: 'single',
        tls: true,
        database: 2,
        nodes: [{ host: '::1', port: 1 }],
        username: 'u',
        password: 'p@:',
      },
    ],
    [
      'redis://:secret@h',
      {
        kind: 'single',
        tls: false,
        database: 0,
        nodes: [{ host: 'h', port: 6379 }],
        username: undefined,
        password: 'secret',
      },
    ],
    ...['redis://app:@h', 'redis://app@h'].map((url): [string, object] => [
      url,
      {
        kind: 'single',
        tls: false,
        database: 0,
        nodes: [{ host: 'h', port: 6379 }],
        username: 'app',
        password: undefined,
      },
    ]),
    ['redis+cluster://:@a', { kind: 'cluster', tls: false, nodes: [{ host: 'a', port: 6379 }], ...NOBODY }],
    [
      'redis+sentinel://h1,h2:5/mymaster',
      {
        kind: 'sentinel',
        tls: false,
        nodes: [
          { host: 'h1', port: 26_379 },
          { host: 'h2', port: 5 },
        ],
        name: 'mymaster',
        database: 0,
        ...NOBODY,
      },
    ],
    [
      'rediss+sentinel://u:p%40%3A@[::1]:5/m/3',
      {
        kind: 'sentinel',
        tls: true,
        nodes: [{ host: '::1', port: 5 }],
        name: 'm',
        database: 3,
        username: 'u',
        password: 'p@:',
      },
    ],
    [
      'redis+cluster://:secret@a,b:7001',
      {
        kind: 'cluster',
        tls: false,
        nodes: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 7001 },
        ],
        username: undefined,
        password: 'secret',
      },
    ],
  ])('%s says where Redis is', (url, target) => {
    expect(parseRedisUrl(url)).toEqual(target);
  });

  it.each([
    '',
    'http://h',
    'h:6379',
    'redis:6379',
    'redis://',
    'redis:///0',
    'redis://h:65536',
    'redis://h/zero',
    'redis://:%zz@h',
    'redis+sentinel://h1:26379',
    'redis+sentinel://h1:26379/',
    'redis+sentinel:///m',
    'redis+cluster://',
    'redis+cluster://a:0',
    'redis+cluster://a:65536',
    'redis+cluster://a,,b',
    'redis+cluster://a/1',
    'redis+cluster://%zz@a',
    'redis+other://a',
    'redis://h?db=2',
    'redis://h/0?family=6',
    'redis://h#1',
    'redis+sentinel://h/m?db=2',
    'redis+cluster://a?scaleReads=all',
  ])('%s cannot be used', (url) => {
    expect(parseRedisUrl(url)).toBeUndefined();
  });

  it.each([
    ['redis://h?db=2', 'expected no query parameters, got db:'],
    ['rediss://h/0?family=6&commandTimeout=1', 'expected no query parameters, got family, commandTimeout:'],
    ['redis+sentinel://h/m?db=2', 'expected no query parameters, got db:'],
    ['redis+cluster://a?scaleReads=all', 'expected no query parameters, got scaleReads:'],
    ['http://h?db=2', 'expected redis://'],
  ])('%s is refused with what to mend', (url, fault) => {
    expect(redisUrlFault(url)).toContain(fault);
    expect(redisUrlFault('redis://h/2')).toBeUndefined();
  });

  it.each(['redis://:hu?sh@h', 'redis://h/0?hu sh=1', 'redis://:hu/?sh=1@h', 'redis://:hu#sh@h'])(
    '%s is refused without what may be a part of its password',
    (url) => {
      expect(redisUrlFault(url)).toBe(
        'expected redis://, redis+sentinel://host:port,…/master-name or redis+cluster://host:port,…, with rediss for TLS',
      );
    },
  );

  it.each([
    ['redis://u:hush@h', 'h:6379'],
    ['redis+sentinel://u:hush@h1,h2:5/m', 'master m of the sentinels h1:26379, h2:5'],
    ['redis+cluster://u:hush@a,b:7001', 'the cluster of a:6379, b:7001'],
  ])('%s is told without its user and password', (url, text) => {
    const target = parseRedisUrl(url);
    expect(target && describeTarget(target)).toBe(text);
  });
});
