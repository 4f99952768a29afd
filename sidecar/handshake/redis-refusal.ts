import { forbidden, full, unavailable, type Refusal } from '../http/refusal';
import { TooManyChannelsError } from '../pubsub/channel-registry';
import { RefusedChannelError } from '../pubsub/subscribe-commands';
import { UnclaimableSessionError } from '../sessions/sessions';

const CHANNEL_NOT_ALLOWED = forbidden('Redis does not allow the channel');

/** Turns an error of Redis, or of reaching it, into a refusal. */
export function redisRefusal(error: unknown): Refusal {
  if (error instanceof TooManyChannelsError) return full('the bridge has no room for another channel');
  if (error instanceof UnclaimableSessionError) return unavailable(error.message);
  const detail = error instanceof Error ? error.message : 'unknown';
  if (error instanceof RefusedChannelError) return { ...CHANNEL_NOT_ALLOWED, detail };
  return { ...unavailable('Redis is unreachable'), detail };
}
