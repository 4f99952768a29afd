import { escapeSegment } from '../../../protocol/channels';

/** Every name that a service uses in Redis, with the prefix of its bridges before it (PROTOCOL.md §8). */
export class ServiceNames {
  readonly #prefix: string;

  /** @param prefix as the bridges have it in BRIDGE_CHANNEL_PREFIX; empty for none */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get control(): string {
    return this.of('ws:control');
  }

  /** The stream that says who listens. */
  get presence(): string {
    return this.of('ws:presence');
  }

  blacklist(jti: string): string {
    return this.of(`blacklist:${jti}`);
  }

  /** A dashboard's channel, or the key of its state. */
  dashboard(kind: 'refresh' | 'state', tenant: string, id: string): string {
    return this.of(`${escapeSegment(tenant)}:dashboard:${kind}:${escapeSegment(id)}`);
  }

  /** The channel of a user, or of all users of the tenant. */
  notifications(tenant: string, user: string | undefined): string {
    const everyone = `${escapeSegment(tenant)}:notifications`;
    return this.of(user === undefined ? everyone : `${everyone}:${escapeSegment(user)}`);
  }

  /** The channel of a session, where no other was chosen, without the prefix. */
  answers(session: string): string {
    return `ai:stream:${escapeSegment(session)}`;
  }

  /**
   * The key with the latest cancels of a group, in the stream's slot.
   * @param stream with its prefix
   */
  cancels(stream: string, group: string): string {
    return this.of(`${tagOf(stream)}:.cancels:${escapeSegment(group)}`);
  }

  /**
   * The key with who has an answer, in the slot of the channel that it goes to.
   * @param channel with its prefix
   */
  answer(channel: string, group: string, entryId: string): string {
    return this.of(`ai:answer:${tagOf(channel)}:${escapeSegment(group)}:${entryId}`);
  }

  /** Any other name. */
  of(name: string): string {
    return this.#prefix + name;
  }
}

/** A hash tag for the slot of a name in a cluster: the name's own, or all of it. */
function tagOf(name: string): string {
  return /\{[^}]+\}/.exec(name)?.[0] ?? `{${name}}`;
}
