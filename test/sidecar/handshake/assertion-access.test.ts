import type { Access } from '../../../protocol/access';
import { readAssertionAccessRule } from '../../../sidecar/settings/assertion-access-rule';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { askUpgrade, headersFor, startBridge, type Answer, type TestBridge } from '../fixture';

const PATH = '/ws/notifications';

let redis: RedisServer;
const bridges: TestBridge[] = [];
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  for (const { bridge } of bridges) await bridge.close();
  await redis.stop();
});

async function bridgeThat(rule: string): Promise<TestBridge> {
  const bridge = await startBridge(redis.url, { BRIDGE_ASSERTION_ACCESS: rule });
  bridges.push(bridge);
  return bridge;
}

async function ask({ url }: TestBridge, access: Access | undefined): Promise<Answer> {
  const caller = { tenant: 'acme', user: 'alice', path: PATH, ...(access && { access }) };
  return askUpgrade(`${url}${PATH}`, await headersFor(caller));
}

describe('an assertion that says no access', () => {
  it('is admitted: its gatekeeper has no rules, or is older than they are', async () => {
    expect(await ask(await bridgeThat('checked'), undefined)).toMatchObject({ status: 101 });
  });

  it('is refused where BRIDGE_ASSERTION_ACCESS is required, and the log says why', async () => {
    const strict = await bridgeThat('required');
    expect(await ask(strict, undefined)).toMatchObject({
      status: 401,
      body: '{"message":"expected an assertion with an access"}',
    });
    const line = strict.logLines.find((text) => text.includes('"upgrade"'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      outcome: 'unauthorized',
      reason: expect.stringContaining('BRIDGE_ASSERTION_ACCESS=required') as string,
    });
    for (const access of ['read', 'write'] as const)
      expect(await ask(strict, access)).toMatchObject({ status: 101 });
  });
});

it('the rule is one of two', () => {
  expect(['checked', 'required', 'ignored', ''].map(readAssertionAccessRule)).toEqual([
    ...['checked', 'required'],
    ...[undefined, undefined],
  ]);
});
