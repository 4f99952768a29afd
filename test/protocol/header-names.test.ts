import { describe, expect, it } from '@jest/globals';
import { ownHeaderFault, tokenHeaderFault } from '../../protocol/header-names';

const TAKEN = 'expected a header that is no part of HTTP, of the handshake or of the gateway';
const NO_NAME = 'expected an HTTP field name';

describe('a header', () => {
  it.each([
    ['X-Tenant-ID', undefined, undefined],
    ['x', undefined, undefined],
    ["!#$%&'*+.^_`|~09", undefined, undefined],
    ['Authorization', undefined, TAKEN],
    ['X-Real-IP', undefined, TAKEN],
    ['X-Forwarded-For', undefined, TAKEN],
    ['X-Forwarded', undefined, undefined],
    ['RateLimit-Limit', undefined, TAKEN],
    ['Host', TAKEN, TAKEN],
    ['Hosts', undefined, undefined],
    ['content-type', TAKEN, TAKEN],
    ['Sec-WebSocket-Key', TAKEN, TAKEN],
    ['cookie', TAKEN, TAKEN],
    ['Cookie', TAKEN, TAKEN],
    ['Cookies', undefined, undefined],
    ['', NO_NAME, NO_NAME],
    ['X Tenant', NO_NAME, NO_NAME],
    [' X', NO_NAME, NO_NAME],
    ['X:', NO_NAME, NO_NAME],
    ['Ü', NO_NAME, NO_NAME],
  ])(
    'of the name %j carries a token with the fault %p, and tells something of ours with %p',
    (name, token, own) => {
      expect([tokenHeaderFault(name), ownHeaderFault(name)]).toEqual([token, own]);
    },
  );
});
