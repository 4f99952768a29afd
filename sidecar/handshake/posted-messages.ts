import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isUtf8 } from 'node:buffer';
import type { Logger } from 'pino';
import { queryValues } from '../../protocol/query';
import type { Caller } from '../connection/admission';
import type { Admission } from '../connection/admission';
import { FOREIGN_SESSION } from '../connection/reservation';
import { SENDER_ID_BYTES, senderNamed } from '../fanout/peer-envelope';
import {
  badRequest,
  FAILED,
  full,
  messageRefused,
  MESSAGE_STATUSES,
  MESSAGE_TOO_BIG,
  respond,
  SESSION_NOT_OPEN,
  type Refusal,
} from '../http/refusal';
import { headerReader } from '../http/headers';
import { sendJson } from '../http/readiness';
import { splitTarget } from '../http/target';
import type { MessageContext } from '../inbound/message-handler';
import { chargePost } from '../inbound/posted-allowance';
import { largestMessage, type MessageSizes } from '../inbound/message-size';
import {
  controlFrame,
  readOnly,
  receive,
  refuse,
  tooMany,
  type Answer,
  type Sender,
} from '../inbound/receive';
import { withDeadline } from '../lib/promises';
import type { Metrics } from '../metrics/metrics';
import type { Route } from '../routes/route';
import type { Sessions } from '../sessions/sessions';
import { judgeUpgrade, type AdmissionPolicy } from './admission';
import { readBody } from './message-body';
import { redisRefusal } from './redis-refusal';
import { upgradeRequestReader, type UpgradeRequestReader } from './upgrade-request';

/** Messages that are posted are taken with these. */
export interface PostContext {
  readonly policy: AdmissionPolicy;
  readonly sessions: Sessions;
  readonly messages: Pick<MessageContext, 'sink' | 'byteOwners' | 'now' | 'monotonicMs'>;
  readonly messageSizes: MessageSizes;
  readonly maxCommandValues: number;
  /** On their way at a time; a tenant's may be a quarter of them. */
  readonly maxPendingPosts: number;
  /** For a message to be there whole, for it to wait until it may go, and for Redis to have it, in milliseconds. */
  readonly timeoutMs: number;
  /** Why nothing of a caller is taken now, whatever its assertion says. */
  readonly refusalOf: (caller: Caller, path: string) => Refusal | undefined;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** A tenant may have so many times less on its way than all together. */
const TENANT_PART = 4;
const readIdempotencyKeys = headerReader({ values: 'Idempotency-Key' });
/** It was taken. */
const TAKEN = { outcome: 'taken', status: 202 } as const;

interface Taken {
  readonly outcome: 'taken';
  readonly status: 202;
  readonly body: unknown;
}

/** The outcome of a message, and whose it was, as far as that is known. */
interface Decision {
  readonly result: Taken | Refusal;
  readonly route?: Route | undefined;
  readonly caller?: Caller | undefined;
}

/** Takes messages that come by POST in place of a socket (PROTOCOL.md §11). */
export class PostedMessages {
  readonly #context: PostContext;
  readonly #read: UpgradeRequestReader;
  readonly #byTenant = new Map<string, number>();
  #pending = 0;

  constructor(context: PostContext) {
    this.#context = context;
    this.#read = upgradeRequestReader(context.policy.headers);
  }

  /** How many are on their way. */
  get pending(): number {
    return this.#pending;
  }

  /** Decides one message, answers, logs and counts it. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let decision: Decision;
    try {
      decision = await this.#decide(request);
    } catch (error) {
      this.#context.log.error({ err: error }, 'message failed');
      decision = { result: FAILED };
    }
    const { result } = decision;
    // A refused message is unread yet.
    request.resume();
    if (!response.destroyed) {
      if ('message' in result) respond(response, result);
      else sendJson(response.setHeader('Connection', 'close'), result.status, result.body);
    }
    this.#context.metrics.posted(decision.route?.name, result.outcome);
    this.#record(decision);
  }

  async #decide(request: IncomingMessage): Promise<Decision> {
    const { policy } = this.#context;
    const verdict = await judgeUpgrade(this.#read(request, 'message'), policy);
    if (!verdict.admitted) {
      return { result: verdict.refusal, route: verdict.route, caller: verdict.caller };
    }
    const { route, caller } = verdict.admission;
    const result = await this.#counted(caller.identity.tenantId, () =>
      this.#take(verdict.admission, request),
    );
    return { result, route, caller };
  }

  /** Bounds what is on its way, of all and of a tenant. */
  async #counted(tenantId: string, take: () => Promise<Taken | Refusal>): Promise<Taken | Refusal> {
    const { maxPendingPosts } = this.#context;
    const own = this.#byTenant.get(tenantId) ?? 0;
    if (own >= Math.ceil(maxPendingPosts / TENANT_PART)) return refusalOf(tooMany('message_rate'));
    if (this.#pending >= maxPendingPosts) return full('the bridge takes as many messages as it can');
    this.#pending += 1;
    this.#byTenant.set(tenantId, own + 1);
    try {
      return await take();
    } finally {
      this.#pending -= 1;
      const left = (this.#byTenant.get(tenantId) ?? 1) - 1;
      if (left === 0) this.#byTenant.delete(tenantId);
      else this.#byTenant.set(tenantId, left);
    }
  }

  async #take(admission: Admission, request: IncomingMessage): Promise<Taken | Refusal> {
    const { refusalOf: refuses, messageSizes, timeoutMs } = this.#context;
    const { route, caller, path } = admission;
    const senderId = route.messages === 'relay' ? senderIdOf(request) : undefined;
    if (senderId === 'malformed') return badRequest('expected one peer, as bridge.ready told it');
    const payload = await readBody(request, largestMessage(route, messageSizes), timeoutMs);
    if (payload === 'too big') return MESSAGE_TOO_BIG;
    if (payload === 'too late') return badRequest('expected the whole message in time');
    const refused = refuses(caller, path);
    if (refused !== undefined) return refused;
    const metrics = this.#context.metrics.ofRoute(route.name);
    metrics.traffic.messagesReceived += 1;
    metrics.traffic.bytesReceived += payload.length;
    const binary = isBinary(request, payload);
    const sender = this.#senderOf(admission, request, senderId);
    const answer = await this.#answer(admission, payload, binary, sender);
    if (answer === undefined) return { ...TAKEN, body: {} };
    if ('outcome' in answer) return answer;
    if (answer.kind === 'taken') return { ...TAKEN, body: controlFrame(answer) };
    metrics.messageRefused(answer.code);
    return refusalOf(answer);
  }

  async #answer(
    admission: Admission,
    payload: Buffer,
    binary: boolean,
    sender: Sender,
  ): Promise<Answer | Refusal | undefined> {
    const { messages, metrics, timeoutMs } = this.#context;
    const { route, caller } = admission;
    const counts = metrics.ofRoute(route.name);
    if (route.messages === 'refuse') {
      counts.bytesRefused('read_only', payload.length);
      return refuse(payload, binary, sender);
    }
    if (sender.isReader) {
      counts.bytesRefused('read_only', payload.length);
      return readOnly(payload, binary, sender);
    }
    const owners = messages.byteOwners[route.messages];
    const over = chargePost(owners, caller.identity, payload.length, messages.monotonicMs());
    if (over !== undefined) {
      counts.bytesRefused(over, payload.length);
      return refuse(payload, binary, sender, over);
    }
    try {
      const hindrance = await withDeadline(this.#hindrance(admission), timeoutMs);
      if (hindrance !== undefined) return hindrance;
      const { sink, now } = messages;
      return await withDeadline(receive(payload, binary, sender, sink, now()), timeoutMs);
    } catch (error) {
      return redisRefusal(error);
    }
  }

  /**
   * Waits until a message may go to Redis. An order may come meanwhile. Who is told that this took too long sends it again, so that it has not gone by then.
   * @returns why it may not
   */
  async #hindrance({ route, caller, path, session }: Admission): Promise<Refusal | undefined> {
    const { sessions, messages } = this.#context;
    const { tenantId, userId } = caller.identity;
    if (session !== undefined) {
      const standing = await sessions.lookUp(session, tenantId, userId);
      if (standing.isForeign) return FOREIGN_SESSION;
      if (standing.isNew) return SESSION_NOT_OPEN;
    }
    if (route.messages === 'relay') await messages.sink.released(tenantId);
    return this.#context.refusalOf(caller, path);
  }

  #senderOf(
    { route, caller, session = '', channels, trace }: Admission,
    { rawHeaders }: IncomingMessage,
    senderId: Buffer | undefined,
  ): Sender {
    const { tenantId, userId, roles } = caller.identity;
    return {
      messages: route.messages,
      isReader: caller.access === 'read',
      bridgeV1: true,
      origin: { tenantId, userId, roles, session, requestId: caller.requestId, trace },
      channel: channels[0] ?? '',
      senderId,
      maxCommandValues: this.#context.maxCommandValues,
      idempotencyKeys: readIdempotencyKeys(rawHeaders).values.map(unquoted),
    };
  }

  #record({ result, route, caller }: Decision): void {
    const { outcome, status } = result;
    const level = 'message' in result ? 'info' : 'debug';
    this.#context.log[level](
      {
        outcome,
        status,
        route: route?.name,
        requestId: caller?.requestId,
        tenant: caller?.identity.tenantId,
        user: caller?.identity.userId,
        reason: 'message' in result ? (result.detail ?? result.message) : undefined,
      },
      'posted message',
    );
  }
}

function refusalOf(answer: Answer): Refusal {
  if (answer.kind === 'taken') throw new TypeError('expected a message that is refused');
  const { code, message, id } = answer;
  return messageRefused(MESSAGE_STATUSES[code], { code, message, id });
}

/** That of the stream whose client sends it, or a new one where it does not say: then the stream gets it, too. */
function senderIdOf({ url }: IncomingMessage): Buffer | 'malformed' {
  const [name, ...others] = queryValues(splitTarget(url).query, 'peer');
  if (name === undefined) return randomBytes(SENDER_ID_BYTES);
  return (others.length === 0 ? senderNamed(name) : undefined) ?? 'malformed';
}

/** Text is what is UTF-8 and does not say that it is something else. */
function isBinary({ headers }: IncomingMessage, payload: Buffer): boolean {
  return headers['content-type']?.startsWith('application/octet-stream') === true || !isUtf8(payload);
}

/** Idempotency-Key is a string of RFC 9651, or its text alone. */
function unquoted(key: string): string {
  return /^"([^"\\]*)"$/.exec(key)?.[1] ?? key;
}
