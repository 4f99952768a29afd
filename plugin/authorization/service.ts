import { hash } from 'node:crypto';
import type { LRUCache } from 'lru-cache';
import type { AuthorizationServiceSettings } from '../config/authorization-service';
import { lruCache } from '../lib/lru-cache';
import { readAnswer } from './answer';
import { HostBreaker } from './host-breaker';
import { MAX_SOCKETS, NoResponseError, type PostResponse } from './http-post';
import { askedOf, questionBody, type Answer, type Question } from './question';
import { NoTurnError, Turns } from './turns';

/** How many questions of one tenant are under way at once to one host: a part of its connections, so that others find one. */
export const MAX_TENANT_CALLS = MAX_SOCKETS / 4;

/** Answers the questions that rules with a `url` have. */
export interface AuthorizationService {
  /** The answer that is remembered; undefined where the service has to be asked. */
  known(question: Question): Answer | undefined;
  /** Whether the service is not asked at present, because it did not respond. */
  isShut(question: Question): boolean;
  /**
   * @param validSeconds how long the token that the question is about is still good
   * @throws AuthorizationUnavailableError
   */
  ask(question: Question, requestId: string, validSeconds: number): Promise<Answer>;
}

/** Nobody said whether it is allowed. */
export class AuthorizationUnavailableError extends Error {
  override readonly name = 'AuthorizationUnavailableError';
}

/** The outcome of a call: a decision, or none. */
export type CallOutcome = 'allowed' | 'refused' | 'failed';

/** The service needs these besides its settings. */
export interface ServiceContext {
  readonly post: (url: string, body: string, timeoutMs: number) => Promise<PostResponse>;
  /** A clock that is never set. */
  readonly monotonicMs: () => number;
  /** Called after each call, with its time. */
  readonly onCall: (outcome: CallOutcome, seconds: number) => void;
  /** Called when a call brought no decision. */
  readonly onFailure: (url: string, reason: string) => void;
  /** Called when the calls of one host end, of a tenant's or of all, and when they begin again. */
  readonly onBreaker: (open: boolean) => void;
}

interface Remembered {
  readonly answer: Answer;
  readonly untilMs: number;
}

/** Statuses by which a balancer or an overloaded service says that it cannot decide. A policy's own fault is another. */
const AWAY = new Set([429, 502, 503, 504]);

/**
 * Asks over HTTP. Equal questions share one call. Decisions are remembered, those that allow apart from those that refuse, so that
 * neither displaces the other. A call that brings no decision is remembered as nothing.
 */
export class HttpAuthorizationService implements AuthorizationService {
  readonly #settings: AuthorizationServiceSettings;
  readonly #context: ServiceContext;
  readonly #allowed: LRUCache<string, Remembered>;
  readonly #refused: LRUCache<string, Remembered>;
  readonly #calls = new Map<string, Promise<Answer>>();
  readonly #hosts = new Map<string, Host>();

  constructor(settings: AuthorizationServiceSettings, context: ServiceContext) {
    this.#settings = settings;
    this.#context = context;
    this.#allowed = lruCache(settings.cacheSize);
    this.#refused = lruCache(settings.cacheSize);
  }

  known(question: Question): Answer | undefined {
    return this.#remembered(keyOf(question));
  }

  isShut({ url, identity }: Question): boolean {
    return this.#host(url).breaker.isShut(identity.tenantId);
  }

  async ask(question: Question, requestId: string, validSeconds: number): Promise<Answer> {
    const key = keyOf(question);
    const under = this.#calls.get(key);
    if (under !== undefined) return under;
    const call = this.#call(question, requestId);
    this.#calls.set(key, call);
    try {
      const answer = await call;
      this.#remember(key, answer, validSeconds);
      return answer;
    } finally {
      this.#calls.delete(key);
    }
  }

  async #call(question: Question, requestId: string): Promise<Answer> {
    const { url, identity } = question;
    const host = this.#host(url);
    const { timeoutMs, format } = this.#settings;
    const endMs = this.#context.monotonicMs() + timeoutMs;
    try {
      return await host.turns.take(identity.tenantId, timeoutMs, () =>
        this.#timed(host.breaker, question, questionBody(question, requestId, format), endMs),
      );
    } catch (cause) {
      if (cause instanceof AuthorizationUnavailableError) throw cause;
      const { message } = cause as Error;
      this.#context.onFailure(url, message);
      throw new AuthorizationUnavailableError(message);
    }
  }

  async #timed(breaker: HostBreaker, question: Question, body: string, endMs: number): Promise<Answer> {
    if (!breaker.mayAsk(question.identity.tenantId))
      throw new AuthorizationUnavailableError('not asked: it did not respond before');
    const begunMs = this.#context.monotonicMs();
    let outcome: CallOutcome = 'failed';
    try {
      const answer = await this.#post(breaker, question, body, endMs - begunMs);
      outcome = answer.isAllowed ? 'allowed' : 'refused';
      return answer;
    } finally {
      this.#context.onCall(outcome, (this.#context.monotonicMs() - begunMs) / 1000);
    }
  }

  /** A client whose question a policy stumbles over must not shut out the others: only who does not respond is not asked. */
  async #post(breaker: HostBreaker, question: Question, body: string, timeoutMs: number): Promise<Answer> {
    const { tenantId } = question.identity;
    let response: PostResponse | undefined;
    try {
      response = await this.#context.post(question.url, body, timeoutMs);
    } catch (cause) {
      if (cause instanceof NoResponseError) breaker.failed(tenantId);
      else if (!(cause instanceof NoTurnError)) breaker.succeeded(tenantId);
      throw cause;
    }
    if (AWAY.has(response.status)) breaker.failed(tenantId);
    else breaker.succeeded(tenantId);
    return readAnswer(response.status, response.body);
  }

  #remembered(key: string): Answer | undefined {
    for (const answers of [this.#allowed, this.#refused]) {
      const found = answers.get(key);
      if (found === undefined) continue;
      if (this.#context.monotonicMs() < found.untilMs) return found.answer;
      answers.delete(key);
    }
    return undefined;
  }

  #remember(key: string, answer: Answer, validSeconds: number): void {
    const { cacheSeconds, refusedCacheSeconds } = this.#settings;
    const [own, other] = answer.isAllowed ? [this.#allowed, this.#refused] : [this.#refused, this.#allowed];
    other.delete(key);
    const seconds = Math.min(answer.isAllowed ? cacheSeconds : refusedCacheSeconds, validSeconds);
    if (seconds > 0) own.set(key, { answer, untilMs: this.#context.monotonicMs() + seconds * 1000 });
  }

  #host(url: string): Host {
    const { origin } = new URL(url);
    const known = this.#hosts.get(origin);
    if (known !== undefined) return known;
    const breaker = new HostBreaker(this.#context.monotonicMs, this.#context.onBreaker);
    const host = { breaker, turns: new Turns(MAX_TENANT_CALLS) };
    this.#hosts.set(origin, host);
    return host;
  }
}

/** The state of one host. */
interface Host {
  readonly breaker: HostBreaker;
  readonly turns: Turns;
}

/** A key of one size, whatever the path is. */
function keyOf(question: Question): string {
  return hash('sha256', JSON.stringify([question.url, askedOf(question)]), 'base64');
}
