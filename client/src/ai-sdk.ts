import { chunksOf, type AnswerChunk } from './ai-sdk-chunks.ts';
import type { Parts } from './answer.ts';
import type { ChatClient } from './chat.ts';

export type { AnswerChunk } from './ai-sdk-chunks.ts';

/** As much of the AI SDK's `UIMessage` as is used. */
export interface ChatMessage {
  readonly parts: readonly { readonly type: string; readonly text?: unknown }[];
}

/** A request of the AI SDK. */
export interface ChatRequest<Message extends ChatMessage = ChatMessage> {
  readonly trigger: 'submit-message' | 'regenerate-message';
  readonly chatId: string;
  readonly messageId: string | undefined;
  /** All of the chat, the newest last. */
  readonly messages: readonly Message[];
  readonly abortSignal: AbortSignal | undefined;
  readonly body?: object | undefined;
  readonly metadata?: unknown;
}

/** How a chat's messages become commands. */
export interface BridgeChatTransportOptions<Message extends ChatMessage = ChatMessage> {
  /** The type of the commands. @default 'message' */
  readonly type?: string | undefined;
  /**
   * The data of the command. A bridge takes 64 KiB of it, so a service that needs the whole chat should keep it.
   * @default the text of the newest message, as `text`, beside what `body` has
   */
  readonly dataOf?: ((request: ChatRequest<Message>) => unknown) | undefined;
}

/**
 * A `ChatTransport` of Vercel's AI SDK over the client of a chat. Each message is a command, and its answer streams as the bridge
 * relays it, also over lost connections. Stopped answers are stopped at the service.
 * @example
 * const client = connectChat({ url, path: '/ws/ai/chat', token, session: chatId, resume: 'oldest' });
 * const chat = useChat({ id: chatId, resume: true, transport: new BridgeChatTransport(client) });
 */
export class BridgeChatTransport<Message extends ChatMessage = ChatMessage> {
  /** For the AI SDK: an answer that is resumed comes from its beginning. */
  readonly resumeStreamIsReplay = true;
  readonly #client: Pick<ChatClient, 'askParts' | 'answerOnItsWay' | 'send'>;
  readonly #type: string;
  readonly #dataOf: (request: ChatRequest<Message>) => unknown;

  constructor(
    client: Pick<ChatClient, 'askParts' | 'answerOnItsWay' | 'send'>,
    { type = 'message', dataOf = textOf }: BridgeChatTransportOptions<Message> = {},
  ) {
    this.#client = client;
    this.#type = type;
    this.#dataOf = dataOf;
  }

  /** Asks, and streams the answer. */
  sendMessages(request: ChatRequest<Message>): Promise<ReadableStream<AnswerChunk>> {
    const stop = stopOf(request.abortSignal);
    // The promise is rejected with what dataOf throws.
    return Promise.resolve().then(() => {
      const { signal } = stop;
      return streamOf(this.#client.askParts(this.#type, this.#dataOf(request), { signal }), stop);
    });
  }

  /**
   * Streams the answer that was on its way when the page was loaded, from its beginning.
   * @returns null where there is none, and where the client has no `resume: 'oldest'`
   */
  async reconnectToStream({
    abortSignal,
  }: {
    readonly abortSignal?: AbortSignal | undefined;
  }): Promise<ReadableStream<AnswerChunk> | null> {
    const stop = stopOf(abortSignal);
    const answer = await this.#client.answerOnItsWay();
    if (!answer) return null;
    const { id, parts } = answer;
    return streamOf(parts, stop, () => {
      // Another client asked: the service knows what is meant only by its id.
      if (id !== undefined) this.#client.send('cancel', { id }).catch(() => undefined);
    });
  }
}

function textOf({ messages, body }: ChatRequest): object {
  const parts = messages.at(-1)?.parts ?? [];
  const text = parts.map((part) => (part.type === 'text' ? String(part.text) : '')).join('');
  return { ...body, text };
}

/** Aborted once the signal is, or by who reads the stream. */
function stopOf(signal: AbortSignal | undefined): AbortController {
  const stop = new AbortController();
  const abort = (): void => {
    stop.abort(signal?.reason);
  };
  if (signal?.aborted) abort();
  else signal?.addEventListener('abort', abort, { signal: stop.signal });
  return stop;
}

/** @param stopped called when it is stopped before its end */
function streamOf(
  parts: Parts,
  stop: AbortController,
  stopped: () => void = () => undefined,
): ReadableStream<AnswerChunk> {
  const chunks = chunksOf(parts);
  let isOver = false;
  let isRead = true;
  return new ReadableStream({
    start(controller) {
      const abort = (): void => {
        if (isOver) return;
        isOver = true;
        stopped();
        if (!isRead) return;
        controller.enqueue({ type: 'abort' });
        controller.close();
      };
      if (stop.signal.aborted) abort();
      else stop.signal.addEventListener('abort', abort);
    },
    async pull(controller) {
      try {
        const { done, value } = await chunks.next();
        if (isOver) return;
        isOver = done === true;
        if (done === true) controller.close();
        else controller.enqueue(value);
      } catch (cause) {
        if (isOver) return;
        isOver = true;
        controller.error(cause);
      }
    },
    cancel(reason) {
      isRead = false;
      stop.abort(reason);
    },
  });
}
