import { describe, expect, it } from '@jest/globals';
import { HeaderList } from '../../../kong-stand-in/lib/header-list';
import { wantsWebSocket } from '../../../kong-stand-in/http/upstream-headers';
import {
  isWebSocketUpgrade,
  methodMatters,
  purposeOf,
  singleHeader,
  type Purpose,
} from '../../../plugin/request/request';

const SPELLINGS = [
  'websocket',
  'WebSocket',
  'WEBSOCKET',
  'h2c',
  'websocket, h2c',
  'h2c, websocket',
  'websocket/13',
  '',
];

describe('a request is an upgrade', () => {
  it.each(SPELLINGS)('when Kong passes it on as one: Upgrade: %j', (value) => {
    const request = { headers: { upgrade: [value] } };
    expect(isWebSocketUpgrade(request)).toBe(wantsWebSocket(new HeaderList([['Upgrade', value]])));
  });

  it.each([
    ['websocket', 'h2c'],
    ['h2c', 'websocket'],
    ['websocket, h2c', 'websocket'],
  ])('by the first line of Upgrade, as Kong reads it: %j, %j', (...values) => {
    const lines = values.map((value) => ['Upgrade', value] as const);
    expect(isWebSocketUpgrade({ headers: { upgrade: values } })).toBe(wantsWebSocket(new HeaderList(lines)));
  });
});

describe('a message that calls itself an upgrade in a list', () => {
  const headers = { upgrade: ['websocket, h2c'], 'content-type': ['application/json'] };

  it('is charged as the message that it is', () => {
    expect(purposeOf({ headers, method: 'POST' }, { httpStreaming: true } as never)).toBe('message');
  });

  it('is none where frames may not be asked for over HTTP', () => {
    expect(purposeOf({ headers, method: 'POST' }, { httpStreaming: false } as never)).toBe('none');
  });
});

describe('the purpose of a request', () => {
  const asks = { accept: ['text/html, text/event-stream'] };
  const posts = { 'content-type': ['application/json'] };

  it.each<[Purpose, string, Readonly<Record<string, readonly string[]>>]>([
    ['upgrade', 'GET', { upgrade: ['websocket'] }],
    ['upgrade', 'POST', { ...posts, upgrade: ['websocket'] }],
    ['stream', 'GET', asks],
    ['none', 'HEAD', asks],
    ['none', 'GET', { accept: ['*/*'] }],
    ['none', 'GET', {}],
    ['message', 'POST', posts],
    ['message', 'POST', asks],
    ['none', 'OPTIONS', posts],
  ])('is %s for %s with %j', (purpose, method, headers) => {
    const http = { httpStreaming: true } as never;
    expect(purposeOf({ headers, method }, http)).toBe(purpose);
    // Where its method is not asked for, it is known anyway.
    if (!methodMatters({ headers }, http)) expect(purposeOf({ headers }, http)).toBe(purpose);
    const isUpgrade = purpose === 'upgrade';
    const noHttp = { httpStreaming: false } as never;
    expect(purposeOf({ headers, method }, noHttp)).toBe(isUpgrade ? 'upgrade' : 'none');
    expect(methodMatters({ headers }, noHttp)).toBe(false);
  });

  it('is known of an upgrade without its method, and of another without a body or an event stream', () => {
    const http = { httpStreaming: true } as never;
    expect(methodMatters({ headers: { ...asks, ...posts, upgrade: ['WebSocket'] } }, http)).toBe(false);
    expect(methodMatters({ headers: { accept: ['*/*'] } }, http)).toBe(false);
    expect(methodMatters({ headers: asks }, http)).toBe(true);
    expect(methodMatters({ headers: posts }, http)).toBe(true);
  });
});

it('a header has one value when it came once', () => {
  const request = { headers: { one: ['1'], two: ['1', '2'], none: [] } };
  expect(['One', 'TWO', 'none', 'absent'].map((name) => singleHeader(request, name))).toEqual([
    '1',
    ...[undefined, undefined, undefined],
  ]);
});
