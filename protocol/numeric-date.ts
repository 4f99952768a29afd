/**
 * The furthest moment that a clock can hold, in seconds since the epoch: that of a 64-bit `time_t`, which some issuers write for "never".
 * Beyond it, arithmetic with milliseconds ends in no number.
 */
export const MAX_NUMERIC_DATE = 2 ** 63;

/** Whether a claim is a NumericDate (RFC 7519 §2) that a clock can hold. */
export function isNumericDate(claim: unknown): claim is number {
  return typeof claim === 'number' && Math.abs(claim) <= MAX_NUMERIC_DATE;
}
