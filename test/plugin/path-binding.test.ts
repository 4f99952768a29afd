import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { pino } from 'pino';
import { Gatekeeper } from '../../plugin/gatekeeper';
import { rawConfig, signToken, upgradeHeaders } from './fixture';
import { tellOf, type KongRequest } from './kong-request';

const CONFIG = rawConfig({
  rate_limits: [],
  revocation: { enabled: false, key_prefix: '', fault_tolerant: false },
});

let token: string;
const lines: string[] = [];
let gatekeeper: Gatekeeper;
beforeAll(async () => {
  const now = Math.floor(Date.now() / 1000);
  token = await signToken({ iat: now, exp: now + 900 });
  gatekeeper = new Gatekeeper(CONFIG, pino({}, { write: (line) => void lines.push(line) }));
});
afterAll(() => {
  gatekeeper.close();
});

const told = (request: Partial<KongRequest>) =>
  tellOf(gatekeeper, { headers: upgradeHeaders(token), ...request });

async function boundTo(request: Partial<KongRequest>): Promise<unknown> {
  const { status, upstreamHeaders } = await told(request);
  expect(status).toBeUndefined();
  return decodeJwt(upstreamHeaders['X-Gateway-Assertion'] ?? '')['path'];
}

describe('an assertion', () => {
  it('is for the path on which the client asked, where Kong passes that on', async () => {
    expect(await boundTo({ path: '/ws/notifications' })).toBe('/ws/notifications');
  });

  it.each([
    ['/realtime/notifications', '/ws/notifications'],
    ['/ws/notifications', '/notifications'],
    ['/ws/notifications', '/base/ws/notifications'],
  ])(
    'is for the path that Kong calls, where the client asked on %s and Kong calls %s',
    async (path, upstreamUri) => {
      expect(await boundTo({ path, upstreamUri })).toBe(upstreamUri);
    },
  );

  it.each([
    ['/ws//notifications', '/ws/notifications'],
    ['/ws/collaboration/%61%2fb', '/ws/collaboration/a%2Fb'],
    ['/ws/./x/../notifications/', '/ws/notifications/'],
    ['/ws/collaboration/ü', '/ws/collaboration/%C3%BC'],
  ])('is for the one spelling of %s', async (upstreamUri, spelt) => {
    expect(await boundTo({ upstreamUri })).toBe(spelt);
  });

  it('says nothing of the query', async () => {
    expect(await boundTo({ path: '/ws/ai/chat', rawQuery: 'session=s1&resume=e.1' })).toBe('/ws/ai/chat');
  });

  it.each(['', 'ws/notifications', undefined as unknown as string])(
    'is not signed when Kong says %j of where the upgrade goes',
    async (upstreamUri) => {
      const kong = { headers: upgradeHeaders(token), path: '/ws/notifications' };
      const { status, upstreamHeaders } = await tellOf(gatekeeper, { ...kong, upstreamUri });
      expect({ status, upstreamHeaders }).toEqual({ status: 500, upstreamHeaders: {} });
      expect(lines.join('')).toContain("expected Kong's variable upstream_uri to be a path");
    },
  );
});
