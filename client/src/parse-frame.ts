/** A frame whose type is known, and nothing else. */
export interface AnyFrame {
  readonly type: string;
}

/** Any JSON object that a service publishes. */
export interface AnyObject {
  readonly type?: unknown;
  readonly data?: unknown;
  readonly [name: string]: unknown;
}

/** The JSON object that a text is; undefined when it is something else. */
export function parseObject(text: string): AnyObject | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as AnyObject;
  } catch {
    return undefined;
  }
}

/** Whether an object has a `type`, and `data` of any kind: dashboards and notifications have what their service likes. */
export function hasData(object: AnyObject): boolean {
  return typeof object.type === 'string' && 'data' in object;
}

/** Whether an object has a `type` and an object as its `data`, as the frames of an answer do. */
export function isFrame(object: AnyObject): boolean {
  return typeof object.type === 'string' && object.data instanceof Object;
}
