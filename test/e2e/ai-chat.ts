import { createRequire } from 'node:module';

/** A part of a message, as far as tests look at it. */
export interface AiPart {
  readonly type: string;
  readonly text?: string;
  readonly [name: string]: unknown;
}

/** A message of a chat. */
export interface AiMessage {
  readonly id: string;
  readonly role: string;
  readonly parts: readonly AiPart[];
}

/** The AI SDK's chat, without a framework. `test/client/package.test.ts` checks the transport against the package's own types. */
export interface AiChat {
  readonly status: string;
  readonly error: unknown;
  readonly messages: readonly AiMessage[];
  sendMessage(message: { readonly text: string }, options?: { readonly body?: object }): Promise<void>;
  regenerate(): Promise<void>;
  resumeStream(): Promise<void>;
  stop(): Promise<void>;
}

interface ChatInit {
  readonly id: string;
  readonly transport: unknown;
  readonly messages?: readonly AiMessage[];
  readonly onData?: (part: { readonly type: string; readonly data: unknown }) => void;
}

/** The state that a framework keeps for it, such as React's. */
class ChatState {
  status = 'ready';
  error: unknown;
  messages: AiMessage[];

  constructor(messages: readonly AiMessage[] = []) {
    this.messages = [...messages];
  }

  pushMessage(message: AiMessage): void {
    this.messages = [...this.messages, structuredClone(message)];
  }

  popMessage(): void {
    this.messages = this.messages.slice(0, -1);
  }

  replaceMessage(index: number, message: AiMessage): void {
    this.messages = this.messages.with(index, structuredClone(message));
  }

  snapshot<Thing>(thing: Thing): Thing {
    return structuredClone(thing);
  }
}

interface AiSdk {
  readonly AbstractChat: new (init: Omit<ChatInit, 'messages'> & { readonly state: ChatState }) => AiChat;
}

/** The package, or the file of another version's in one CommonJS module. */
const SDK = process.env['AI_SDK'] ?? 'ai';
const { AbstractChat } = createRequire(__filename)(SDK) as AiSdk;

/** A chat of the published package over this transport. */
export function aiChat({ messages, ...init }: ChatInit): AiChat {
  class Chat extends AbstractChat {}
  return new Chat({ ...init, state: new ChatState(messages) });
}

/** The text of the newest message. */
export function textOf({ messages }: AiChat): string {
  return (messages.at(-1)?.parts ?? []).map(({ type, text }) => (type === 'text' ? text : '')).join('');
}
