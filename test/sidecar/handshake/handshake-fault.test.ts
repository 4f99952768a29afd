import { judgePlainRequest } from '../../../sidecar/handshake/admission';
import { compileRoutes } from '../../../sidecar/routes/compile';
import { DEFAULT_ROUTES } from '../../../sidecar/routes/route';
import { judge, statusOf, type Asked } from './judging';

/** Nobody vouches for its caller, which would be refused with 401 were it judged first. */
const NOBODY = { 'X-Gateway-Assertion': undefined };

const HOSTS: readonly [string, NonNullable<Asked['headers']>, number][] = [
  ['no Host', { Host: undefined }, 400],
  ['two Hosts', { Host: ['bridge', 'bridge'] }, 400],
];

describe('a handshake', () => {
  it('is admitted as RFC 6455 has it', async () => {
    expect(await statusOf({})).toBe(101);
    expect(await statusOf({ headers: { Upgrade: 'h2c, WebSocket' } })).toBe(101);
    expect(await statusOf({ headers: { 'Content-Length': '0' } })).toBe(101);
  });

  it.each<[string, Asked, number]>([
    ['HTTP/1.0', { httpVersion: '1.0' }, 426],
    ['HTTP/1.0 at the gateway', { headers: { Via: '1.0 kong' } }, 426],
    ['POST', { method: 'POST' }, 426],
    ['HEAD', { method: 'HEAD' }, 426],
    ['no Upgrade', { headers: { Upgrade: undefined } }, 426],
    ['an Upgrade to something else', { headers: { Upgrade: 'h2c' } }, 426],
    ['another version', { headers: { 'Sec-WebSocket-Version': '8' } }, 426],
    ['two versions', { headers: { 'Sec-WebSocket-Version': ['13', '13'] } }, 426],
    ['no key', { headers: { 'Sec-WebSocket-Key': undefined } }, 400],
    ['a key of 17 bytes', { headers: { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZTE=' } }, 400],
    ['something before its key', { headers: { 'Sec-WebSocket-Key': 'xdGhlIHNhbXBsZSBub25jZQ==' } }, 400],
    ['something behind its key', { headers: { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==x' } }, 400],
    ['subprotocols that are no list', { headers: { 'Sec-WebSocket-Protocol': 'a,,b' } }, 400],
    ['content', { headers: { 'Content-Length': '5' } }, 400],
    ...HOSTS.map(([name, headers, status]): [string, Asked, number] => [name, { headers }, status]),
  ])('with %s is refused before anybody asks who it is of', async (_, asked, status) => {
    expect(await statusOf(asked)).toBe(status);
    expect(await statusOf({ ...asked, headers: { ...asked.headers, ...NOBODY } })).toBe(status);
    // A client can only mend what it is told.
    if (status === 400)
      expect(await judge(asked)).toMatchObject({ message: expect.stringMatching(/^expected /) as string });
  });
});

describe('a request for an event stream', () => {
  it('is admitted without anything of a WebSocket', async () => {
    const headers = {
      Upgrade: undefined,
      'Sec-WebSocket-Version': undefined,
      'Sec-WebSocket-Key': undefined,
    };
    expect(await statusOf({ purpose: 'http', headers })).toBe(101);
  });

  it.each([...HOSTS, ['content', { 'Content-Length': '5' }, 400] as const])(
    'with %s is refused before anybody asks who it is of',
    async (_, headers, status) => {
      expect(await statusOf({ purpose: 'http', headers: { ...headers, ...NOBODY } })).toBe(status);
    },
  );
});

describe('a request with a message', () => {
  it('is admitted with its content', async () => {
    const headers = { Upgrade: undefined, 'Content-Length': '5' };
    expect(await statusOf({ purpose: 'message', method: 'POST', headers })).toBe(101);
  });

  it.each(HOSTS)('with %s is refused before anybody asks who it is of', async (_, headers, status) => {
    expect(await statusOf({ purpose: 'message', headers: { ...headers, ...NOBODY } })).toBe(status);
  });
});

describe('a plain request', () => {
  const routes = compileRoutes(DEFAULT_ROUTES);

  it.each<[string, string, string, readonly string[], number]>([
    ['to a route', '/ws/notifications?a=b', '1.1', ['Host', 'bridge'], 426],
    ['to no route', '/nowhere', '1.1', ['Host', 'bridge'], 404],
    ['to a path that is no UTF-8', '/ws/collaboration/%FF', '1.1', ['Host', 'bridge'], 404],
    ['without a Host', '/ws/notifications', '1.1', [], 400],
    ['with two Hosts', '/ws/notifications', '1.1', ['Host', 'a', 'host', 'b'], 400],
    ['of HTTP/1.0 without a Host', '/ws/notifications', '1.0', [], 426],
  ])('%s is refused', (_, url, httpVersion, rawHeaders, status) => {
    expect(judgePlainRequest({ method: 'GET', url, httpVersion, rawHeaders }, routes).status).toBe(status);
  });
});
