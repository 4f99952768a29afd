import { full, unavailable, type Refusal } from '../http/refusal';
import { CHANNEL_NOT_ALLOWED } from '../connection/reservation';
import { TooManyChannelsError } from '../pubsub/channel-registry';
import { RefusedChannelError } from '../pubsub/subscribe-commands';
import { UnclaimableSessionError } from '../sessions/sessions';

/** Turns an error of Redis, or of reaching it, into a refusal. */
export function redisRefusal(error: unknown): Refusal {
  if (error instanceof TooManyChannelsError) return full('the bridge has no room for another channel');
  if (error instanceof UnclaimableSessionError) return unavailable(error.message);
  const detail = error instanceof Error ? inWords(error) : 'unknown';
  if (error instanceof RefusedChannelError) return { ...CHANNEL_NOT_ALLOWED, detail };
  return { ...unavailable('Redis is unreachable'), detail };
}

/** In ioredis's own words a command that finds no connection reads as if an option of this program were wrong. */
function inWords({ message }: Error): string {
  return message.startsWith("Stream isn't writeable") ? 'there is no connection to Redis' : message;
}
