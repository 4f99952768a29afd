import type { DataFrame } from '../../protocol/frames.ts';
import type { Parts, Tokens } from './answer.ts';
import type { AskOptions } from './answers.ts';
import { CHAT_DEFAULTS, type ChatOptions } from './chat-options.ts';
import { Conversation } from './conversation.ts';
import { BridgeClient } from './index.ts';
import type { OthersAnswer } from './others-answers.ts';
import type { AnyFrame } from './parse-frame.ts';

export type { AnswerPart, Completion, Parts, Tokens } from './answer.ts';
export type { AskOptions } from './answers.ts';
export type { ChatOptions } from './chat-options.ts';
export type { OthersAnswer } from './others-answers.ts';

/** The client of an AI chat: a {@link BridgeClient} that sends commands, and reads answers. */
export class ChatClient<Frame extends AnyFrame = DataFrame> extends BridgeClient<Frame> {
  readonly #conversation: Conversation;

  /** @throws TypeError when an option is missing or is none */
  constructor(options: ChatOptions) {
    let conversation!: Conversation;
    super(options, {
      defaults: CHAT_DEFAULTS,
      extend: (inside) => (conversation = new Conversation(inside)),
    });
    this.#conversation = conversation;
  }

  /**
   * Sends a command, now or when there is a connection again, until the bridge has taken it over or refused it.
   * @param id 1 to 128 characters, unique in the session. The id of an earlier command sends that one again: it is not run
   *   twice when the bridge has it. The bridge remembers a session's latest 1,000 ids, for an hour. Default: a new one
   * @returns a promise that is fulfilled once the bridge has taken it over: once, however often it was sent
   * @throws BridgeClientError when it is refused, too many wait, it can no longer be sent again, or the client is
   *   closed before it is acknowledged
   * @example
   * await client.send('message', { text: 'Revenue by region?' });
   * await client.send('stop', undefined, 'stop-42'); // safe to repeat: one id is one command
   */
  send(type: string, data?: unknown, id?: string): Promise<void> {
    return this.#conversation.send(type, data, id);
  }

  /**
   * Sends a command and iterates over the tokens of its answer, up to its end. It returns the end: the data of `complete`, or
   * the whole frame where `isEnd` takes another. Answers run side by side where the service says with the `id` of its frames
   * which command they answer. Otherwise the next command is sent when the answer before it is over.
   * @throws BridgeClientError at an `error` frame, at a gap, when it is begun anew and `onRestart` is not there, when nothing comes for `answerTimeoutMs`, or when the command
   *   fails; the reason of the signal, an AbortError unless it was given another, once that is aborted
   * @example
   * for await (const token of client.ask('message', { text: 'Revenue by region?' }, { signal: stop.signal })) {
   *   output.append(token);
   * }
   */
  ask(type: string, data?: unknown, options: AskOptions = {}): Tokens {
    return this.#conversation.ask(type, data, options).tokens();
  }

  /**
   * Asks as {@link ask} does, and iterates over all frames of the answer: those that bring a token, and the others, such as
   * `status` and `tool_call`.
   * @throws as {@link ask} does
   * @example
   * for await (const { frame, token } of client.askParts('message', { text: 'Revenue by region?' })) {
   *   if (token === undefined) showStep(frame);
   *   else output.append(token);
   * }
   */
  askParts(type: string, data?: unknown, options: AskOptions = {}): Parts {
    return this.#conversation.ask(type, data, options).parts();
  }

  /**
   * Iterates over the answers of the session whose commands this client did not send, as they begin: another tab did, or
   * this page before it was loaded again. With `resume: 'oldest'` one that is on its way comes with its beginning. For one
   * reader. It ends when the client is closed.
   * @example
   * const client = connectChat({ url, path: '/ws/ai/chat', token, session, resume: 'oldest' });
   * for await (const { tokens } of client.answers()) void show(tokens);
   */
  answers(): AsyncGenerator<OthersAnswer, void, undefined> {
    return this.#conversation.others.read();
  }

  /**
   * Waits until all has come that is kept of the session, for a page that was loaded again.
   * @returns the answer that is on its way, with its beginning; of several the one that began last. Undefined when there is none, and
   *   without `resume: 'oldest'`
   * @example
   * const answer = await client.answerOnItsWay();
   * if (answer) void show(answer.tokens);
   */
  answerOnItsWay(): Promise<OthersAnswer | undefined> {
    return this.#conversation.newest();
  }
}

/**
 * Connects to an AI chat, and comes back by itself until {@link BridgeClient.close}. It is the same as `new ChatClient(options)`.
 * @throws TypeError when an option is missing or is none
 * @example
 * const client = connectChat({
 *   url: 'wss://gateway.example',
 *   path: '/ws/ai/chat',
 *   token: async () => (await fetch('/api/token')).text(),
 * });
 * for await (const token of client.ask('message', { text: 'Revenue by region?' })) output.append(token);
 */
export function connectChat<Frame extends AnyFrame = DataFrame>(options: ChatOptions): ChatClient<Frame> {
  return new ChatClient<Frame>(options);
}
