import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { open, refused, token } from './client';
import { upgradeStatus } from './raw-upgrade';
import type { Stack } from './stack';
import { startStack } from './start-stack';

const ORIGIN = 'https://app.example.com';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: {
      rate_limits: [],
      cookie_names: ['session'],
      uri_param_names: ['token'],
      allowed_origins: [ORIGIN],
      authorization_default: 'deny',
      authorization: [
        { paths: ['/ws/bi/dashboards/secret'], roles: ['director', 'admin'] },
        { paths: ['/ws/bi/dashboards/{id}'], claim: ['grants', 'dashboards'], values: ['{id}', '*'] },
        { paths: ['/ws/collaboration/{id}'], roles: ['editor'], otherwise: 'next' },
        { paths: ['/ws/collaboration/{id}'], roles: ['viewer'], access: 'read' },
      ],
    },
    bridgeEnv: { BRIDGE_ASSERTION_ACCESS: 'required' },
    detours: [{ name: 'stripped', paths: ['/realtime'], stripPath: true, guarded: true }],
  });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

/** The status of an upgrade to a path with exactly these headers. */
function upgrade(path: string, headers: Record<string, string>): Promise<number> {
  return upgradeStatus(stack.url + path, headers);
}

type Place = (path: string, bearer: string) => Promise<number>;
const PLACES: readonly [place: string, ask: Place][] = [
  ['a header', (path, bearer) => upgrade(path, { Authorization: `Bearer ${bearer}` })],
  [
    'a subprotocol',
    (path, bearer) => upgrade(path, { 'Sec-WebSocket-Protocol': `plain.v1, bearer.${bearer}` }),
  ],
  ['a cookie', (path, bearer) => upgrade(path, { Cookie: `session=${bearer}`, Origin: ORIGIN })],
  ['the query', (path, bearer) => upgrade(`${path}?token=${bearer}`, {})],
];

describe.each(PLACES)('with the token in %s', (_, ask) => {
  it('a rule by role admits and refuses', async () => {
    expect(await ask('/ws/bi/dashboards/secret', await token({ roles: ['admin'] }))).toBe(101);
    expect(await ask('/ws/bi/dashboards/secret', await token({ grants: { dashboards: '*' } }))).toBe(403);
  });

  it('a rule by claim admits and refuses', async () => {
    const bearer = await token({ grants: { dashboards: ['7', 'a/b'] } });
    for (const id of ['7', '%37', 'a%2Fb']) expect(await ask(`/ws/bi/dashboards/${id}`, bearer)).toBe(101);
    for (const id of ['8', '77', '*', '%2A', 'a%252Fb', 'x/../8'])
      expect(await ask(`/ws/bi/dashboards/${id}`, bearer)).toBe(403);
    expect(await ask('/realtime/ws/bi/dashboards/7', bearer)).toBe(101);
    expect(await ask('/realtime/ws/bi/dashboards/8', bearer)).toBe(403);
  });

  it('a path that no rule fits is refused by default', async () => {
    expect(await ask('/ws/notifications', await token())).toBe(403);
  });
});

describe('a document', () => {
  it('has editors and readers, and is closed to others', async () => {
    const path = '/ws/collaboration/plan';
    const editor = await open(stack, path, await token({ roles: ['editor'] }));
    const reader = await open(stack, path, await token({ roles: ['viewer'], sub: 'u2' }));
    reader.send('changed');
    expect(JSON.parse(await reader.text())).toMatchObject({ data: { code: 'READ_ONLY' } });
    editor.send('written');
    expect(await reader.text()).toBe('written');
    await stack.redis.publish('acme:collaboration:plan', 'next');
    expect(await editor.text()).toBe('next');
    expect(await refused(stack, path, await token({ roles: ['analyst'] }))).toMatchObject({
      status: 403,
      body: '{"message":"The token may not open this path"}',
    });
    for (const client of [editor, reader]) await client.close();
  });
});
