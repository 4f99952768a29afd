import type { ChannelValues } from '../routes/channel-template';

/** The listeners of a tenant have this in common: a session, a document, a dashboard. It is the one channel of a route. */
export interface Topic {
  readonly route: string;
  readonly tenant: string;
  /** Without the prefix, as services publish to it. */
  readonly channel: string;
  /** The parameters of the path, unescaped. */
  readonly params: ChannelValues;
  readonly session: string | undefined;
}

/** A topic with a longer text is not told of, in bytes: its entry in the stream is about as long. */
export const MAX_TOPIC_BYTES = 2048;

/** The tenant in the text of a topic. */
export function tenantOf(topicText: string): string {
  return (JSON.parse(topicText) as readonly [route: string, tenant: string])[1];
}

/**
 * The one text of a topic, which tell-presence.lua takes apart.
 * @returns undefined for one that is too long
 */
export function topicText({ route, tenant, channel, params, session }: Topic): string | undefined {
  const parts = [route, tenant, channel, JSON.stringify(params)];
  const text = JSON.stringify(session === undefined ? parts : [...parts, session]);
  return Buffer.byteLength(text) > MAX_TOPIC_BYTES ? undefined : text;
}
