import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { headersFor } from '../../../plugin/request/connection-headers';
import { Gatekeeper } from '../../../plugin/gatekeeper';
import type { Kong } from '../../../plugin/kong';
import { rawConfig, upgradeHeaders } from '../fixture';
import { kongOf, tellOf } from '../kong-request';

const gatekeeper = new Gatekeeper(rawConfig(), pino({ level: 'silent' }));
const PLAIN = { host: ['127.0.0.1:8000'] };

describe('headers about the connection', () => {
  it.each(['Connection', 'Keep-Alive', 'Proxy-Connection', 'Transfer-Encoding', 'Upgrade', 'upgrade'])(
    '%s is sent over HTTP/1 alone, and over no version that is unknown',
    (name) => {
      const headers = { [name]: 'x', 'Retry-After': '1' };
      for (const version of [1, 1.1]) expect(headersFor(version, headers)).toEqual(headers);
      for (const version of [2, 3, 0, undefined])
        expect(headersFor(version, headers)).toEqual({ 'Retry-After': '1' });
    },
  );
});

describe('a request that is no upgrade', () => {
  it('is told over HTTP/1.1 what to upgrade to', async () => {
    const { status, responseHeaders } = await tellOf(gatekeeper, { headers: PLAIN });
    expect(status).toBe(426);
    expect(responseHeaders).toMatchObject({ Upgrade: 'websocket' });
  });

  it.each([2, 3])('is refused over HTTP/%i without a header that ends the stream', async (httpVersion) => {
    const { status, body, responseHeaders } = await tellOf(gatekeeper, { headers: PLAIN, httpVersion });
    expect(status).toBe(426);
    expect(body).toBe('{"message":"This is a WebSocket endpoint"}');
    expect(Object.keys(responseHeaders).sort()).toEqual(['Content-Type', 'X-Request-ID']);
  });

  it('is refused all the same when Kong does not tell its version', async () => {
    const { kong, told } = kongOf({ headers: PLAIN });
    const silent: Kong = {
      ...kong,
      request: { ...kong.request, getHttpVersion: () => Promise.reject(new Error('gone')) },
    };
    await gatekeeper.access(silent);
    expect(told.status).toBe(426);
    expect(told.responseHeaders).not.toHaveProperty('Upgrade');
  });
});

describe('an upgrade that is refused', () => {
  it('costs no question about its version', async () => {
    const { kong, told } = kongOf({ headers: upgradeHeaders() });
    const asked: Kong = {
      ...kong,
      request: { ...kong.request, getHttpVersion: () => Promise.reject(new Error('asked')) },
    };
    await gatekeeper.access(asked);
    expect(told.status).toBe(401);
  });
});
