import type { ClientPlan } from './load/client';
import type { ServerProcess } from './server-process';
import type { Topic } from './topic';

/** Where a server is started. */
export interface Place {
  readonly redisPort: number;
  readonly port: number;
  /** For logs. */
  readonly folder: string;
  /** Put before the script: `--cpu-prof` and the like. */
  readonly nodeFlags: readonly string[];
}

/** A server that is measured. */
export interface Peer {
  readonly name: string;
  /** Installs what it needs. @returns why it cannot be measured here, or undefined */
  prepare(): Promise<string | undefined>;
  start(place: Place): Promise<ServerProcess>;
  /** How the client with this number connects in order to hear the topic. */
  client(
    topic: Topic,
    number: number,
  ): Promise<Pick<ClientPlan, 'path' | 'headers' | 'dialogue' | 'overHttp'>>;
  /** The channel and the message to publish in Redis so that `payload` comes out. */
  publication(topic: Topic, payload: string): readonly [channel: string, message: Buffer];
  /** Where messages are posted to the server itself, for one that cannot be fed through Redis. */
  readonly postPath?: (topic: Topic) => string;
}
