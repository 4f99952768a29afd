import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { CONTROL_FRAME_PREFIX } from '../../protocol/frames';
import type { AnswerCounts } from './answers/counters';
import {
  answererOf,
  answeringSettings,
  safely,
  DEFAULT_COMMAND_STREAM,
  type AnswerHandler,
  type AnsweringSettings,
  type AnswerOptions,
} from './answers/options';
import { Worker } from './answers/worker';
import { checkChoice } from './answers/check-option';
import type { ServiceOptions } from './options';
import { checkOptions, DEFAULT_STATE_TTL_SECONDS } from './options';
import type { PresenceChange } from './presence/change';
import { PresenceReader, type PresenceFrom } from './presence/presence-reader';
import { checkNames } from './publications/check-names';
import { Dashboards, type Dashboard } from './publications/dashboard';
import { jsonOf } from './publications/json';
import { Revocations, type RevokedToken, type RevokedUser } from './publications/revoke';
import { ServiceNames } from './redis/names';
import { publisher, type Publish } from './redis/publish';
import { confirmed } from './redis/within';

/** How long `close` waits for answers on their way. */
const DEFAULT_CLOSE_TIMEOUT_MS = 30_000;

/** A service behind Redis: what it tells clients, and how it answers them. */
export class Service {
  readonly #options: ServiceOptions;
  readonly #answering: AnsweringSettings;
  readonly #names: ServiceNames;
  readonly #publish: Publish;
  readonly #dashboards: Dashboards;
  readonly #revocations: Revocations;
  readonly #presence = new Set<PresenceReader>();
  #worker: Worker | undefined;
  #closed: Promise<void> | undefined;

  /** @throws TypeError at an option that cannot be */
  constructor(options: ServiceOptions) {
    checkOptions(options);
    this.#options = options;
    this.#answering = answeringSettings(options);
    this.#names = new ServiceNames(options.prefix ?? '');
    const publish = publisher(options.redis);
    this.#publish = (channel, text) => confirmed(publish(channel, text));
    this.#dashboards = new Dashboards(options.redis);
    this.#revocations = new Revocations(options.redis, this.#names, options.now ?? Date.now);
  }

  /**
   * Publishes a frame to a channel of your own.
   * @param channel without the prefix; values in it are escaped with `escapeSegment`
   * @returns how many bridges heard it; rejects when Redis does not confirm it
   * @throws TypeError at a channel that is no text, and at a frame that has no JSON or a type of the bridge
   */
  async publish(channel: string, frame: unknown): Promise<number> {
    checkNames({ channel }, 'channel');
    const text = jsonOf(frame);
    if (text.startsWith(CONTROL_FRAME_PREFIX))
      throw new TypeError('expected no type of the bridge: its clients would be told of a gap');
    return this.#publish(this.#names.of(channel), text);
  }

  /**
   * A dashboard, to refresh. Its refreshes by this service keep their order.
   * @throws TypeError at a name that is no text
   */
  dashboard(tenant: string, id: string): Dashboard {
    checkNames({ tenant, id }, 'tenant', 'id');
    return this.#dashboards.at({
      channel: this.#names.dashboard('refresh', tenant, id),
      stateKey: this.#names.dashboard('state', tenant, id),
      stateTtlSeconds: this.#options.stateTtlSeconds ?? DEFAULT_STATE_TTL_SECONDS,
    });
  }

  /**
   * Publishes `{"type": "notification", "data": …}`.
   * @param to one user; nobody named is every user of the tenant
   * @returns how many bridges heard it; rejects when Redis does not confirm it
   * @throws TypeError at a `tenant` that is no text, and at a `user` that is there and is none: everyone would get what is for one
   */
  async notify(tenant: string, to: { readonly user?: string }, data: unknown): Promise<number> {
    checkNames({ tenant }, 'tenant');
    checkNames(to, 'user');
    const text = `{"type":"notification","data":${jsonOf(data)}}`;
    return this.#publish(this.#names.notifications(tenant, to.user), text);
  }

  /**
   * Closes the sockets of a token, a user or a tenant, and blacklists a token.
   * @returns how many bridges heard it
   * @throws TypeError at a member that is there and is no text: it would be left out, and more than meant be revoked
   */
  revoke(what: RevokedToken | RevokedUser): Promise<number> {
    return confirmed(this.#revocations.revoke(what));
  }

  /**
   * Answers the commands of a type. Every type's handler is given in one turn of the event loop, the one in which the first is.
   * @param answer yields frames, and returns the `data` of the answer's `complete`
   * @throws TypeError without a `group`, at a type that has a handler or cannot have one, at an option that cannot be
   */
  answer<Data = unknown>(type: string, answer: AnswerHandler<Data>, options: AnswerOptions = {}): void {
    this.#checkOpen();
    checkNames({ type }, 'type');
    if (type === 'cancel')
      throw new TypeError('expected no handler of cancel: it aborts the signal of an answer');
    if (this.#worker?.answers(type) === true) throw new TypeError(`expected one handler of ${type}`);
    const answerer = answererOf(answer as AnswerHandler, options);
    this.#worker ??= this.#newWorker();
    this.#worker.answer(type, answerer);
  }

  /**
   * Tells when a session, a document or a dashboard gets its first listener, and when it has none any more. Bridges say so of routes
   * with `presence`. It opens a connection, and every process that asks is told of everything.
   * @param from `now`, or the `oldest` change that Redis keeps
   * @returns ends it
   */
  onPresence(
    told: (change: PresenceChange) => unknown,
    { from = 'now' }: { readonly from?: PresenceFrom } = {},
  ): () => void {
    this.#checkOpen();
    checkChoice('from', from, 'now', 'oldest');
    const { redis, onFault } = this.#options;
    const reader = new PresenceReader({
      ...{ redis, told, from, stream: this.#names.presence },
      onFault: safely(onFault),
    });
    this.#presence.add(reader);
    return () => {
      this.#presence.delete(reader);
      reader.close();
    };
  }

  /** The outcomes of commands since the first `answer`; undefined before it. */
  get counts(): AnswerCounts | undefined {
    return this.#worker?.counts;
  }

  /**
   * Reads no more commands, gives back those that are not begun, and waits for the answers on their way. Then closes the
   * connections that `answer` and `onPresence` opened. Call it on SIGTERM.
   * @param timeoutMs after so long answers are stopped: 30,000 by default. One that may be repeated is given back to others, and
   * one that may not ends with the error `STOPPED`. A second call waits for the first.
   * @throws TypeError at a `timeoutMs` that cannot be, and closes nothing then
   */
  async close({ timeoutMs = DEFAULT_CLOSE_TIMEOUT_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (!(typeof timeoutMs === 'number' && timeoutMs >= 0))
      throw new TypeError(`expected timeoutMs to be a number of 0 or more, not ${String(timeoutMs)}`);
    await (this.#closed ??= this.#close(timeoutMs));
  }

  async #close(timeoutMs: number): Promise<void> {
    for (const reader of this.#presence) reader.close();
    await this.#worker?.close(timeoutMs);
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new TypeError('expected a service that is not closed');
  }

  #newWorker(): Worker {
    const { redis, group, commandStream = DEFAULT_COMMAND_STREAM, channelOf } = this.#options;
    if (group === undefined || group === '')
      throw new TypeError('expected a group of connectService to answer in');
    const names = this.#names;
    const stream = names.of(commandStream);
    return new Worker({
      ...{ redis, names },
      place: { stream, group, cancels: names.cancels(stream, group) },
      settings: this.#answering,
      channelOf: channelOf ?? (({ session }) => names.answers(session)),
      newName: () => `${hostname()}:${process.pid}:${randomBytes(6).toString('hex')}`,
      monotonicMs: () => performance.now(),
    });
  }
}

/** @throws TypeError at an option that cannot be */
export function connectService(options: ServiceOptions): Service {
  return new Service(options);
}
