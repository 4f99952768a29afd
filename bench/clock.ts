/** Microseconds on a clock that only goes forward and that all processes of a machine share (CLOCK_MONOTONIC). */
export function clockUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Waits until {@link clockUs} has reached a time. */
export async function untilUs(timeUs: number): Promise<void> {
  // A timer counts whole milliseconds of the loop's own clock, and may be early by more than one.
  for (let leftUs = timeUs - clockUs(); leftUs > 0; leftUs = timeUs - clockUs()) {
    const waitMs = Math.ceil(leftUs / 1000);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
