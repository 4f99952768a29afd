import { Cluster } from 'ioredis';
import type { Commands } from '../../redis/options';

/** Publishes a message to a channel. @returns how many heard it; rejects when Redis does not confirm it */
export type Publish = (channel: string, message: string | Buffer) => Promise<number>;

/**
 * Publishes as the topology wants it: with PUBLISH, in a cluster with SPUBLISH. That goes to the master of the
 * channel's slot alone, and so keeps the order of one publisher's messages.
 */
export function publisher(commands: Commands): Publish {
  if (commands instanceof Cluster)
    return async (channel, message) => Number(await commands.spublish(channel, message));
  return (channel, message) => commands.publish(channel, message);
}
