/** Microseconds on a clock that only goes forward and that all processes of a machine share (CLOCK_MONOTONIC). */
export function clockUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Waits until {@link clockUs} has reached a time. */
export async function untilUs(timeUs: number): Promise<void> {
  const waitMs = (timeUs - clockUs()) / 1000;
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
}
