import { CONTROL_TYPE_PREFIX, type ControlFrame } from '../../protocol/frames.ts';

/** A control frame's text, read; undefined when it is none that PROTOCOL.md §5 allows. Unknown types are allowed. */
export function parseControlFrame(text: string): ControlFrame | undefined {
  try {
    const { type, data } = JSON.parse(text) as { readonly type: unknown; readonly data: Data | null };
    return isSound(type, data ?? {}) ? ({ type, data } as ControlFrame) : undefined;
  } catch {
    return undefined;
  }
}

type Data = Readonly<Record<string, unknown>>;

function isSound(type: unknown, data: Data): boolean {
  switch (type) {
    case 'bridge.ready':
      return (
        isPoint(data) &&
        typeof data['resumed'] === 'boolean' &&
        isOptional(data['session']) &&
        Number.isSafeInteger(data['live'] ?? 0)
      );
    case 'bridge.gap':
      return isPoint(data) && isText(data['reason']);
    case 'bridge.state':
      // It throws where a text is no base64.
      return isText(data['text'] ?? atob(data['base64'] as string));
    case 'bridge.ack':
      return isText(data['id']);
    case 'bridge.error':
      return isText(data['code']) && isText(data['message']) && isOptional(data['id']);
    default:
      return isText(type) && type.startsWith(CONTROL_TYPE_PREFIX);
  }
}

function isPoint({ epoch, offset }: Data): boolean {
  return isText(epoch) && /^[\w-]{1,128}$/.test(epoch) && Number.isSafeInteger(offset) && Number(offset) >= 0;
}

function isOptional(value: unknown): boolean {
  return value === undefined || isText(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
