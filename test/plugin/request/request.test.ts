import { describe, expect, it } from '@jest/globals';
import { HeaderList } from '../../../kong-stand-in/lib/header-list';
import { wantsWebSocket } from '../../../kong-stand-in/http/upstream-headers';
import { isWebSocketUpgrade, purposeOf } from '../../../plugin/request/request';

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
