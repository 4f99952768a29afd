/** A frame whose type is known, and nothing else. */
export interface AnyFrame {
  readonly type: string;
}

/** The JSON object with a `type` and an object as its `data` that a text is; undefined when it is something else. */
export function parseFrame(text: string): AnyFrame | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const frame = JSON.parse(text) as { readonly type?: unknown; readonly data?: unknown };
    return typeof frame.type === 'string' && frame.data instanceof Object ? (frame as AnyFrame) : undefined;
  } catch {
    return undefined;
  }
}
