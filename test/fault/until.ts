const POLL_MS = 20;

/** Resolves after so many milliseconds: a fault lasts a while, a run lasts as long as it is told. */
export async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Asks again and again, with time for others in between.
 * @returns true once it holds; false when it did not within `timeoutMs`
 */
export async function until(holds: () => boolean | Promise<boolean>, timeoutMs = Infinity): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > endMs) return false;
    await wait(POLL_MS);
  }
  return true;
}
