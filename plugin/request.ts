/** What the decision looks at: the upgrade request's headers, names in lower case, repeated ones in order. */
export interface UpgradeRequest {
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** The one value of a header, or undefined when it is absent or repeated. */
export function singleHeader(request: UpgradeRequest, name: string): string | undefined {
  const values = request.headers[name.toLowerCase()];
  return values?.length === 1 ? values[0] : undefined;
}

/** Whether this asks to become a WebSocket (RFC 6455 §4.2.1). */
export function isWebSocketUpgrade(request: UpgradeRequest): boolean {
  const upgrade = request.headers['upgrade'] ?? [];
  return upgrade.some((value) =>
    value.split(',').some((token) => token.trim().toLowerCase() === 'websocket'),
  );
}
