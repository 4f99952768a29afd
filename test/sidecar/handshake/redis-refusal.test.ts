import { redisRefusal } from '../../../sidecar/handshake/redis-refusal';
import { SubscriptionError, TooManyChannelsError } from '../../../sidecar/pubsub/channel-registry';
import { RefusedChannelError } from '../../../sidecar/pubsub/subscribe-commands';
import { UnclaimableSessionError } from '../../../sidecar/sessions/sessions';

describe('the refusal of an upgrade for which Redis failed', () => {
  it.each([
    {
      error: new TooManyChannelsError('at most 2 channels'),
      status: 503,
      message: 'the bridge has no room for another channel',
      detail: undefined,
    },
    {
      error: new UnclaimableSessionError(),
      status: 503,
      message: 'Redis takes no writes now: a session that has no owner yet cannot be claimed',
      detail: undefined,
    },
    {
      error: new RefusedChannelError('NOPERM secret:channel'),
      status: 403,
      message: 'Redis does not allow the channel',
      detail: 'NOPERM secret:channel',
    },
    {
      error: new SubscriptionError('the subscription is not back yet'),
      status: 503,
      message: 'Redis is unreachable',
      detail: 'the subscription is not back yet',
    },
    {
      error: new Error("Stream isn't writeable and enableOfflineQueue options is false"),
      status: 503,
      message: 'Redis is unreachable',
      detail: 'there is no connection to Redis',
    },
    { error: 'no error', status: 503, message: 'Redis is unreachable', detail: 'unknown' },
  ])('has status $status and the words "$message"', ({ error, status, message, detail }) => {
    const refusal = redisRefusal(error);
    expect([refusal.status, refusal.message, refusal.detail]).toEqual([status, message, detail]);
  });

  it('says when to come again, but for a channel that is not allowed', () => {
    expect(redisRefusal(new TooManyChannelsError('')).headers).toHaveProperty('Retry-After');
    expect(redisRefusal(new Error('gone')).headers).toHaveProperty('Retry-After');
    expect(redisRefusal(new RefusedChannelError('NOPERM')).headers).not.toHaveProperty('Retry-After');
  });
});
