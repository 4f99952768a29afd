import { describe, expect, it } from '@jest/globals';
import {
  CONTROL_FRAME_PREFIX,
  CONTROL_TYPE_PREFIX,
  errorFrame,
  PING_MESSAGE,
  PLAIN_SUBPROTOCOL,
  PONG_FRAME,
  SUBPROTOCOL,
} from '../../protocol/frames';
import { DEFAULT_HEADER_NAMES } from '../../protocol/headers';

describe('the words that others hold to', () => {
  it('are those of PROTOCOL.md', () => {
    expect([SUBPROTOCOL, PLAIN_SUBPROTOCOL]).toEqual(['bridge.v1', 'plain.v1']);
    expect([CONTROL_TYPE_PREFIX, CONTROL_FRAME_PREFIX]).toEqual(['bridge.', '{"type":"bridge.']);
    expect([PING_MESSAGE, PONG_FRAME]).toEqual([
      '{"type":"bridge.ping"}',
      '{"type":"bridge.pong","data":{}}',
    ]);
    expect(DEFAULT_HEADER_NAMES).toEqual({
      tenant: 'X-Tenant-ID',
      user: 'X-User-ID',
      roles: 'X-User-Roles',
      requestId: 'X-Request-ID',
      assertion: 'X-Gateway-Assertion',
    });
  });
});

describe('an error frame', () => {
  it.each([
    ['of a command', 'c1', '{"type":"error","data":{"code":"RESERVED","message":"why","id":"c1"}}'],
    ['of a command that has no id', undefined, '{"type":"error","data":{"code":"RESERVED","message":"why"}}'],
  ])('%s says which, if that is known', (_, id, frame) => {
    expect(errorFrame('RESERVED', 'why', id)).toBe(frame);
  });
});
