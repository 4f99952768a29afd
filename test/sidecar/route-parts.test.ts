import { pino } from 'pino';
import type { Receiver } from '../../sidecar/fanout/deliver';
import { LoopShares } from '../../sidecar/lib/loop-shares';
import type { RedisLinks } from '../../sidecar/pubsub/redis-links';
import { channelStatesOf } from '../../sidecar/route-parts';
import { parseRoutes } from '../../sidecar/routes/file';
import { parseSettings } from '../../sidecar/settings/settings';
import { takeAll } from './all-steps';

const CHANNEL = 'acme:docs:d';

describe.each(['peers', 'locks'])('a document with %s, on a bridge whose routes have no states', (part) => {
  it('is told that its lost subscription is back', () => {
    const entry = { name: 'docs', path: '/docs/{id}', channels: ['{tenant}:docs:{id}'] };
    const route = { ...entry, messages: 'relay', session: false, [part]: true };
    const restored = jest.fn();
    const document: Receiver = { senderId: undefined, deliver: () => undefined, restored };
    const subscriptions = { members: () => new Set([document]), isLive: () => true };
    const states = channelStatesOf(
      parseSettings({ BRIDGE_ASSERTION_SECRET: 'a'.repeat(32), BRIDGE_REDIS_URL: 'redis://127.0.0.1' }),
      parseRoutes('routes.json', JSON.stringify({ routes: [route] })),
      { subscribers: { subscriptions } } as unknown as RedisLinks,
      { shares: LoopShares.uncut(), monotonicMs: () => 0, log: pino({ level: 'silent' }) },
    );
    if (states !== undefined) takeAll(states.lost([CHANNEL]));
    states?.restored();
    expect(restored).toHaveBeenCalledTimes(1);
  });
});
