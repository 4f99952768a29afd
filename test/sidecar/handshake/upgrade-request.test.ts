import { describe, expect, it } from '@jest/globals';
import { DEFAULT_HEADER_NAMES } from '../../../protocol/headers';
import { upgradeRequestReader, type UpgradeRequest } from '../../../sidecar/handshake/upgrade-request';
import { cpuTimeMs } from '../../fakes/cpu-time';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;
/** It is of a later version, which may go on with anything. */
const LATER_PARENT = `01-${TRACE}-b7ad6b7169203331-01-x`;

type Headers = readonly (readonly [name: string, value: string])[];

function read(headers: Headers, url = '/ws', names = DEFAULT_HEADER_NAMES): UpgradeRequest {
  return upgradeRequestReader(names)({ method: 'GET', url, httpVersion: '1.1', rawHeaders: headers.flat() });
}

function offersOf(...values: readonly string[]): readonly string[] | undefined {
  const { subprotocols } = read(values.map((value) => ['Sec-WebSocket-Protocol', value]));
  return subprotocols && [...subprotocols];
}

describe('an upgrade request', () => {
  it('has nothing of a header that is absent', () => {
    expect(read([])).toEqual({
      purpose: 'websocket',
      method: 'GET',
      httpVersion: '1.1',
      cameInHttp10: false,
      path: '/ws',
      query: '',
      hosts: 0,
      offersWebSocket: false,
      webSocketVersion: '',
      webSocketKey: '',
      subprotocols: new Set(),
      lastEventIds: [],
      hasContent: false,
      hasOrigin: false,
      caller: { tenant: [], user: [], roles: [], requestId: [], assertion: [] },
      trace: undefined,
      kongRequestId: undefined,
    });
  });

  it('has a header whatever the case of its name', () => {
    const headers = [
      ['HOST', 'a'],
      ['uPgRaDe', 'WebSocket'],
      ['SEC-WEBSOCKET-KEY', 'k'],
      ['sec-websocket-version', '13'],
    ] as const;
    expect(read(headers)).toMatchObject({
      hosts: 1,
      offersWebSocket: true,
      webSocketKey: 'k',
      webSocketVersion: '13',
    });
  });

  it("has the caller's headers by the names that an operator gave them, each value apart", () => {
    const names = { ...DEFAULT_HEADER_NAMES, tenant: 'X-Org', assertion: 'X-Proof' };
    const headers = [
      ['x-org', 'Caf\u00c3\u00a9'],
      ['X-Tenant-ID', 'not asked for'],
      ['X-Proof', 'one'],
      ['x-proof', 'two'],
    ] as const;
    expect(read(headers, '/ws', names).caller).toMatchObject({ tenant: ['Café'], assertion: ['one', 'two'] });
  });

  it.each([
    ['/ws/a', '/ws/a', ''],
    ['/ws/a?', '/ws/a', ''],
    ['/ws/a?b=c?d', '/ws/a', 'b=c?d'],
  ])('to %s has its path and its query', (url, path, query) => {
    expect(read([], url)).toMatchObject({ path, query });
  });

  it('is read in one pass however much white space its subprotocols have', async () => {
    const read = (): void => {
      expect(offersOf(`a${' '.repeat(200_000)}b`)).toBeUndefined();
    };
    expect(await cpuTimeMs(read)).toBeLessThan(1_000);
  });

  it('offers subprotocols in their order, of all its headers together', () => {
    expect(offersOf('b.v1 ,\ta,d', 'c')).toEqual(['b.v1', 'a', 'd', 'c']);
  });

  it.each([
    ['one is empty', ['a,,b']],
    ['there are none in the header', ['']],
    ['one is there twice', ['a', 'b, a']],
    ['one is no token', ['a b']],
  ])('offers no subprotocols when %s', (_, values) => {
    expect(offersOf(...values)).toBeUndefined();
  });

  it.each([
    ['1.0 kong', true],
    ['1 kong/3.9.3', true],
    ['2 kong/3.9.3', false],
    ['HTTP/1.0 kong/3.9', true],
    ['1.1 first, 1.0 kong', true],
    ['1.0 first, 1.1 kong', false],
    ['1.1 kong', false],
    ['1.1 kong (1.0 behind)', false],
  ])('that came via "%s" says whether that was HTTP/1.0', (via, cameInHttp10) => {
    expect(read([['Via', via]])).toMatchObject({ cameInHttp10 });
  });

  it.each<[string, Headers, boolean]>([
    ['a length', [['Content-Length', '5']], true],
    ['a length of 0', [['Content-Length', '0']], false],
    ['a transfer coding', [['Transfer-Encoding', 'chunked']], true],
  ])('with %s says whether it has content', (_, headers, hasContent) => {
    expect(read(headers)).toMatchObject({ hasContent });
  });

  it('says whether a browser may have sent it', () => {
    expect(read([['Origin', 'null']])).toMatchObject({ hasOrigin: true });
  });

  it('offers a WebSocket where its Upgrade lists one', () => {
    const offersWebSocket = (...values: readonly string[]) =>
      read(values.map((value) => ['Upgrade', value])).offersWebSocket;
    expect(offersWebSocket('h2c, websocket')).toBe(true);
    expect(offersWebSocket('h2c', 'websocket')).toBe(true);
    expect(offersWebSocket('h2c')).toBe(false);
    expect(offersWebSocket('websockets')).toBe(false);
  });

  it('has its trace, for its commands and for the log', () => {
    const headers = [
      ['traceparent', PARENT],
      ['tracestate', 'a=1'],
      ['tracestate', 'b=2'],
    ] as const;
    expect(read(headers).trace).toEqual({ traceId: TRACE, traceparent: PARENT, tracestate: 'a=1,b=2' });
  });

  it.each([PARENT, LATER_PARENT])('has no trace when its traceparent %s is there twice', (parent) => {
    expect(read([['traceparent', parent]]).trace).toBeDefined();
    const twice = [
      ['traceparent', parent],
      ['traceparent', parent],
    ] as const;
    expect(read(twice).trace).toBeUndefined();
  });

  it("has Kong's id of it, as a list when there are several", () => {
    expect(read([['X-Kong-Request-Id', 'k1']]).kongRequestId).toBe('k1');
    const several = [
      ['X-Kong-Request-Id', 'k1'],
      ['X-Kong-Request-Id', 'k2'],
    ] as const;
    expect(read(several).kongRequestId).toBe('k1, k2');
    expect(read([['X-Kong-Request-Id', 'k'.repeat(129)]]).kongRequestId).toBe('k'.repeat(128));
  });
});
