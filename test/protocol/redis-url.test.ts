import { describeTarget, parseRedisUrl } from '../../protocol/redis-url';

const NOBODY = { username: undefined, password: undefined };

describe('a Redis URL', () => {
  it.each([
    [
      'redis://h',
      { kind: 'single', tls: false, url: 'redis://h', nodes: [{ host: 'h', port: 6379 }], ...NOBODY },
    ],
    [
      'rediss://u:p%40%3A@[::1]:1/2',
      {
        kind: 'single',
        tls: true,
        url: 'rediss://u:p%40%3A@[::1]:1/2',
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
        url: 'redis://:secret@h',
        nodes: [{ host: 'h', port: 6379 }],
        username: undefined,
        password: 'secret',
      },
    ],
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
  ])('%s cannot be used', (url) => {
    expect(parseRedisUrl(url)).toBeUndefined();
  });

  it.each([
    ['redis://u:hush@h', 'h:6379'],
    ['redis+sentinel://u:hush@h1,h2:5/m', 'master m of the sentinels h1:26379, h2:5'],
    ['redis+cluster://u:hush@a,b:7001', 'the cluster of a:6379, b:7001'],
  ])('%s is told without its user and password', (url, text) => {
    const target = parseRedisUrl(url);
    expect(target && describeTarget(target)).toBe(text);
  });
});
