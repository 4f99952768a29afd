import { randomBytes } from 'node:crypto';
import { deliver, type Receiver } from '../../../sidecar/fanout/deliver';
import { sealPeers } from '../../../sidecar/fanout/peer-envelope';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';
import { Peers } from '../../../sidecar/peers/peers';
import { SubscriptionError, type ChannelRegistry } from '../../../sidecar/pubsub/channel-registry';
import { REJOIN_MS } from '../../../sidecar/pubsub/lasting-join';

const CHANNEL = 'acme:docs:d';

/** Peers of a bridge whose subscription was lost between the answer to it and the opening of the socket. */
function setUp() {
  const members = new Set<Receiver>();
  const link = { isUp: false };
  const subscriptions = {
    join: (_: string, member: Receiver) =>
      link.isUp ? Promise.resolve(void members.add(member)) : Promise.reject(new SubscriptionError('lost')),
    leave: (_: string, member: Receiver) => void members.delete(member),
  } as unknown as ChannelRegistry<Receiver>;
  const clock = { nowMs: 0 };
  const wheel = new TimerWheel(1, 8192, 0);
  const peers = new Peers({
    subscriptions,
    wheel,
    monotonicMs: () => clock.nowMs,
    publish: () => Promise.resolve(1),
    leaseMs: 60_000,
    bridge: randomBytes(16),
  });
  const goOn = async (ms: number): Promise<void> => {
    clock.nowMs += ms;
    wheel.advance(clock.nowMs);
    await new Promise((resume) => void setImmediate(resume));
  };
  return { peers, members, link, wheel, goOn };
}

describe('the peers of a document whose channel cannot be joined at first', () => {
  it('hear other bridges once it can be', async () => {
    const { peers, members, link, goOn } = setUp();
    const told: string[] = [];
    peers.enter(CHANNEL, 'alice', (frame) => void told.push(frame));
    await goOn(1);
    link.isUp = true;
    await goOn(REJOIN_MS + 1);
    deliver(sealPeers(randomBytes(16), Buffer.from('{"users":["bob"],"count":1}')), members);
    await goOn(2000);
    expect(told.at(-1)).toContain('"users":["alice","bob"]');
  });

  it('leave nothing behind when they go before that', async () => {
    const { peers, members, link, wheel, goOn } = setUp();
    const peer = peers.enter(CHANNEL, 'alice', undefined);
    await goOn(1);
    peer.leave();
    link.isUp = true;
    await goOn(REJOIN_MS + 1);
    expect([members.size, wheel.size]).toEqual([0, 0]);
  });
});
