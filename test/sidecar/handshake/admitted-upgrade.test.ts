import { RedisNames } from '../../../sidecar/redis/names';
import { compileRoutes } from '../../../sidecar/routes/compile';
import type { RouteEntry } from '../../../sidecar/routes/route';
import { judge, statusOf } from './judging';

const ROUTE: RouteEntry = {
  name: 'r',
  path: '/ws/{a}/{b}',
  channels: ['{tenant}:{a}:{b}'],
  messages: 'refuse',
  session: false,
};
const HISTORY = { frames: 10, bytes: 1000, seconds: 60 };

/** The policy of a bridge that has one route. */
function only(change: Partial<RouteEntry>, prefix = '') {
  return { routes: compileRoutes([{ ...ROUTE, ...change }]), names: new RedisNames(prefix) };
}

describe('an upgrade that is admitted', () => {
  it('hears the channels of its route, each once', async () => {
    const twice = only({ channels: ['{tenant}:{a}', '{tenant}:{b}', '{tenant}:of:{user}'] }, 'p:');
    expect(await judge({ url: '/ws/x/x' }, twice)).toMatchObject({
      channels: ['p:acme:x', 'p:acme:of:alice'],
      stateKey: undefined,
      history: undefined,
      topic: undefined,
      session: undefined,
    });
  });

  it('has the key of its state, its history and its topic where its route has one', async () => {
    const all = only(
      {
        initial: '{tenant}:state:{a}:{b}',
        history: { key: '{tenant}:kept:{a}:{b}', ...HISTORY },
        presence: true,
      },
      'p:',
    );
    expect(await judge({ url: '/ws/x/y' }, all)).toMatchObject({
      channels: ['p:acme:x:y'],
      stateKey: 'p:acme:state:x:y',
      history: {
        ...{ route: 'r', channel: 'p:acme:x:y', key: 'p:acme:kept:x:y' },
        ...{ maxFrames: 10, maxBytes: 1000, keptMs: 60_000 },
      },
      topic: '["r","acme","acme:x:y","{\\"a\\":\\"x\\",\\"b\\":\\"y\\"}"]',
    });
  });

  it('keeps the path that its assertion counts for, and the path that it came to', async () => {
    const url = '/ws/notifications';
    expect(await judge({ url, caller: { path: url } })).toMatchObject({ path: url, caller: { path: url } });
    const other = { url, caller: { path: '/ws/other' } };
    expect(await judge(other, { assertionPath: 'ignored' })).toMatchObject({
      path: url,
      caller: { path: '/ws/other' },
    });
  });
});

describe('a name in Redis that is the bridges’ own opens to nobody, whose tenant and parameters may spell it', () => {
  it.each([
    ['a channel', only({}), 'ws', '/ws/probe/x'],
    ['a later channel', only({ channels: ['{tenant}:of:{a}', '{tenant}:{a}:{b}'] }), 'ws', '/ws/bridge/x'],
    ['a state', only({ initial: '{tenant}:{a}:{b}', channels: ['c:{tenant}:{a}:{b}'] }), 'ws', '/ws/lock/x'],
    [
      'a history',
      only({ history: { key: '{tenant}:{a}:{b}', ...HISTORY }, channels: ['c:{tenant}:{a}:{b}'] }),
      'ai',
      '/ws/session/x',
    ],
  ])('as %s', async (_, policy, tenant, url) => {
    expect(await statusOf({ url, caller: { tenant } }, policy)).toBe(403);
    expect(await statusOf({ url, caller: { tenant: 'acme' } }, policy)).toBe(101);
  });
});
