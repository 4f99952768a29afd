import { z } from 'zod';

const ID = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);
const OFFSET = z.int().nonnegative();

const REQUEST = z.strictObject({
  type: z.literal('handover'),
  /** Names this handover in everything that follows. */
  id: ID,
  /** The bridge that asks. */
  from: ID,
  epoch: ID,
  offset: OFFSET,
  /** Whose the replay log must be, and what it must hear. */
  owner: z.string(),
  /** The channel whose messages the marker shall stand between. */
  channel: z.string(),
});
const OLDEST_REQUEST = z.strictObject({
  type: z.literal('oldest'),
  id: ID,
  from: ID,
  owner: z.string(),
  channel: z.string(),
});
const HANDED = z.strictObject({
  type: z.literal('handed'),
  id: ID,
  /** Frames under the handover's key. */
  count: OFFSET,
});
const KEPT = z.strictObject({
  type: z.literal('kept'),
  id: ID,
  /** Frames under the handover's key. */
  count: OFFSET,
  /** The old bridge's count, and the offset behind the last of the frames. */
  epoch: ID,
  end: OFFSET,
  /** The offset of the stream's first frame in that count, when it is known. */
  beginning: z.int().optional(),
});
const REFUSED = z.strictObject({
  type: z.literal('refused'),
  id: ID,
  reason: z.enum(['unknown', 'expired']),
});
const MESSAGE = z.discriminatedUnion('type', [REQUEST, OLDEST_REQUEST, HANDED, KEPT, REFUSED]);

/** Another bridge's client came here: what it missed is asked for. */
export type HandoverRequest = z.infer<typeof REQUEST>;
/** All that is kept of a session's stream is asked for. */
export type OldestRequest = z.infer<typeof OLDEST_REQUEST>;
/** Everything that is kept, in the count of the bridge that kept it. */
export type KeptAnswer = z.infer<typeof KEPT>;
/** The outcome of a {@link HandoverRequest} or an {@link OldestRequest}. */
export type HandoverAnswer = z.infer<typeof HANDED> | KeptAnswer | z.infer<typeof REFUSED>;
/** A message of one bridge to another (PROTOCOL.md §7). */
export type BridgeMessage = HandoverRequest | OldestRequest | HandoverAnswer;

/** Parses a message of a bridge's own channel. @returns undefined when it is none */
export function parseBridgeMessage(message: Buffer): BridgeMessage | undefined {
  return parse(MESSAGE, message);
}

const MARK = z.strictObject({
  id: ID,
  /** In base64: under which the client's own messages went out, on a route that relays. */
  sender: z.base64().optional(),
});

/** Where, among a channel's messages, the old bridge ends and the new one begins. */
export interface Marker {
  readonly id: string;
  readonly senderId: Buffer | undefined;
}

export function formatMarker({ id, senderId }: Marker): string {
  return JSON.stringify({ id, sender: senderId?.toString('base64') } satisfies z.infer<typeof MARK>);
}

/** @returns undefined when it is none */
export function parseMarker(message: Buffer): Marker | undefined {
  const mark = parse(MARK, message);
  if (mark === undefined) return undefined;
  const { id, sender } = mark;
  return { id, senderId: sender === undefined ? undefined : Buffer.from(sender, 'base64') };
}

function parse<T>(schema: z.ZodType<T>, message: Buffer): T | undefined {
  try {
    return schema.parse(JSON.parse(message.toString('utf8')));
  } catch {
    return undefined;
  }
}
