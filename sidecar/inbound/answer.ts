import { errorFrame, type BridgeErrorCode, type ControlFrame } from '../../protocol/frames';

/** What the bridge has to say about a client's message. */
export type Answer =
  | { readonly kind: 'taken'; readonly id: string }
  | {
      readonly kind: 'refused';
      readonly code: BridgeErrorCode;
      readonly message: string;
      readonly id: string | undefined;
    };

/** A refusal. */
export function refusedMessage(code: BridgeErrorCode, message: string, id?: string): Answer {
  return { kind: 'refused', code, message, id };
}

/**
 * An answer as its client reads it: an `error` frame or nothing for a plain client (PROTOCOL.md §3), a control
 * frame for one of `bridge.v1` (§5).
 */
export function answerText(answer: Answer, bridgeV1: boolean): string | undefined {
  if (!bridgeV1) {
    return answer.kind === 'refused' ? errorFrame(answer.code, answer.message, answer.id) : undefined;
  }
  return JSON.stringify(controlFrame(answer));
}

function controlFrame(answer: Answer): ControlFrame {
  if (answer.kind === 'taken') return { type: 'bridge.ack', data: { id: answer.id } };
  const { code, message, id } = answer;
  return { type: 'bridge.error', data: id === undefined ? { code, message } : { code, message, id } };
}
