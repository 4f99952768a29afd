/**
 * Waits for an answer of Redis, for so long.
 * @param late called when none came
 * @throws Error when none came
 */
export async function within<T>(timeoutMs: number, asked: Promise<T>, late: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`redis did not answer for ${timeoutMs} ms`));
      late();
    }, timeoutMs);
  });
  try {
    return await Promise.race([asked, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** How long a call over the application's connection waits to be confirmed. */
export const CONFIRM_MS = 30_000;

/**
 * Waits until Redis confirms a call. The connection is the application's, and is left as it is.
 * @param late called when it did not: the call may have had its effect, or may still have it
 * @throws Error when it did not, or refused it
 */
export function confirmed<T>(asked: Promise<T>, late: () => void = () => undefined): Promise<T> {
  return within(CONFIRM_MS, asked, late);
}
