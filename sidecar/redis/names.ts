import { escapeSegment } from '../../protocol/channels';
import { channelName, type ChannelTemplate, type ChannelValues } from '../routes/channel-template';
import { returnKey } from '../../protocol/return-key';
import { hashTag } from '../../redis/key-slot';

const CONTROL = 'ws:control';
const PROBE = 'ws:probe:';
const BRIDGE = 'ws:bridge:';
const MARK = 'ws:mark:';
const REPLY = 'ws:reply:';
const HANDOVER = 'ws:handover:';
const CONNECTIONS = 'ws:conn:';
const SESSION = 'ai:session:';
const RETURN = 'ws:return:';
const PRESENCE = 'ws:presence';
const LOCK = 'ws:lock:';

/**
 * Every name that a bridge uses in Redis, of channels, keys and streams, each with the prefix before it (PROTOCOL.md §8).
 * Names are made here alone, so that none can lack it. The prefix has no braces: a name's hash tag is what it is without.
 */
export class RedisNames {
  /** Where services tell every bridge to close sockets (PROTOCOL.md §6). */
  readonly control: string;
  readonly #prefix: string;

  /** @param prefix as `isNamePrefix` takes it; empty for none */
  constructor(prefix: string) {
    this.#prefix = prefix;
    this.control = prefix + CONTROL;
  }

  /** The channel of a route's template for these values. @throws TypeError when a placeholder has no value */
  channel(template: ChannelTemplate, values: ChannelValues): string {
    return this.#prefix + channelName(template, values);
  }

  /** The key of a channel's state, of a route's template for these values. @throws TypeError when a placeholder has no value */
  state(template: ChannelTemplate, values: ChannelValues): string {
    return this.channel(template, values);
  }

  /** The key of a channel's history, of a route's template for these values. @throws TypeError when a placeholder has no value */
  history(template: ChannelTemplate, values: ChannelValues): string {
    return this.channel(template, values);
  }

  /** A channel's name as its template spells it. */
  withoutPrefix(channel: string): string {
    return channel.slice(this.#prefix.length);
  }

  /** The channel on which a bridge hears itself. */
  probe(bridgeId: string): string {
    return `${this.#prefix}${PROBE}${bridgeId}`;
  }

  /** One in whose slot the hash tag `tag` puts it, on which a bridge hears itself from one master of a cluster. */
  shardProbe(bridgeId: string, tag: number): string {
    return `${this.probe(bridgeId)}:{${tag}}`;
  }

  /** The channel on which other bridges tell a bridge something (PROTOCOL.md §7). */
  bridge(bridgeId: string): string {
    return `${this.#prefix}${BRIDGE}${bridgeId}`;
  }

  /**
   * The channel for markers between the messages of another one. The two share a slot of a Redis Cluster: the other's
   * hash tag is this one's too. Where it has none, its name holds no braces, and all of it is the tag.
   * @param channel with its prefix
   */
  mark(channel: string): string {
    const tagged = hashTag(channel) === undefined ? `{${channel}}` : channel;
    return `${this.#prefix}${MARK}${tagged}`;
  }

  /** The channel on which a service hears answers (PROTOCOL.md §6). */
  reply(name: string): string {
    return `${this.#prefix}${REPLY}${name}`;
  }

  /** The key of the frames that are handed over. */
  handover(id: string): string {
    return `${this.#prefix}${HANDOVER}${id}`;
  }

  /** The key with the owner of an AI chat's session. */
  session(session: string): string {
    return `${this.#prefix}${SESSION}${session}`;
  }

  /** The key with the bridges that keep a session's frames, in the slot of its owner's: a session has no braces. */
  sessionBridges(session: string): string {
    return `${this.#prefix}${SESSION}{${this.session(session)}}`;
  }

  /** The key with the connections of a tenant. */
  tenantConnections(tenantId: string): string {
    return `${this.#prefix}${CONNECTIONS}{${escapeSegment(tenantId)}}`;
  }

  /** The key with the connections of a user, in the slot of the tenant's. */
  userConnections(tenantId: string, userId: string): string {
    return `${this.tenantConnections(tenantId)}:${escapeSegment(userId)}`;
  }

  /** The key with a user's returns to a path, in the slot of the tenant's; undefined for a path that is too long. */
  returns(tenantId: string, userId: string, path: string): string | undefined {
    return returnKey(this.#prefix, tenantId, userId, path);
  }

  /**
   * The stream that tells services who listens, and then the keys beside it: tell-presence.lua says which (PROTOCOL.md §12).
   */
  get presenceKeys(): readonly string[] {
    const stream = this.#prefix + PRESENCE;
    const beside = ['.bridges', '.hearing', '.topics', '.leaving', '.shares'];
    return [stream, ...beside.map((name) => this.#besideStream(stream) + name)];
  }

  /**
   * The key with the locks of a document. All keys of a tenant's locks are in one slot.
   * @param channel with its prefix
   */
  documentLocks(tenantId: string, channel: string): string {
    return `${this.#locks(tenantId)}:of:${this.withoutPrefix(channel)}`;
  }

  /** The key with all locks of a tenant. */
  tenantLocks(tenantId: string): string {
    return `${this.#locks(tenantId)}:all`;
  }

  /** The key with the last token of a tenant's locks. */
  lastLockToken(tenantId: string): string {
    return `${this.#locks(tenantId)}:token`;
  }

  #locks(tenantId: string): string {
    return `${this.#prefix}${LOCK}{${escapeSegment(tenantId)}}`;
  }

  /** The stream that commands are added to. */
  commandStream(configured: string): string {
    return this.#prefix + configured;
  }

  /**
   * The key with the ids of a session's commands.
   * @param stream with its prefix
   */
  commandIds(stream: string, session: string): string {
    return `${this.#besideStream(stream)}${session}`;
  }

  /** The key by which older bridges remember a command's id. A session holds no colon, so it is no other key. */
  formerCommandId(stream: string, session: string, id: string): string {
    return `${this.#besideStream(stream)}${session}:${id}`;
  }

  /** The key with how many bytes were added to the stream, and when. No session begins so. */
  commandLedger(stream: string): string {
    return `${this.#besideStream(stream)}.ledger`;
  }

  /** The key with what a tenant has used of its share of the stream. */
  tenantCommands(stream: string, tenantId: string): string {
    return `${this.#besideStream(stream)}.tenant:${escapeSegment(tenantId)}`;
  }

  /** In the stream's slot, so that what goes with a command can be changed in one step in a cluster as well. */
  #besideStream(stream: string): string {
    return `${this.#prefix}{${hashTag(stream) ?? stream}}:`;
  }

  /** Whether a channel is the bridges' own, so that no client may listen or publish there. */
  isOwnChannel(name: string): boolean {
    const own = [PROBE, BRIDGE, MARK, REPLY].map((beginning) => this.#prefix + beginning);
    return name === this.control || own.some((beginning) => name.startsWith(beginning));
  }

  /** Whether a key holds what the bridges alone may read. Their others are no strings, which a client could be shown. */
  isOwnKey(name: string): boolean {
    const own = [CONNECTIONS, HANDOVER, SESSION, RETURN, LOCK].map((beginning) => this.#prefix + beginning);
    // A stream, as a history is.
    if (name === this.#prefix + PRESENCE) return true;
    return own.some((beginning) => name.startsWith(beginning));
  }
}
