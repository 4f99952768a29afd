/**
 * How long an answer asks to wait (RFC 9110 §10.2.3): seconds, or a date.
 * @param header gives one by its name in lower case
 */
export function retryAfterMsOf(header: (name: string) => unknown, nowMs: number): number | undefined {
  const text = String(header('retry-after'));
  // A date is meant by the clock of who wrote it, which may be an hour off from this one's.
  const sentMs = Date.parse(String(header('date'))) || nowMs;
  const delayMs = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - sentMs;
  return delayMs >= 0 ? delayMs : undefined;
}
