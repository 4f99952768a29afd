/** After its deadline an answer is listened for so much longer, in milliseconds. */
const GRACE_MS = 10;

/**
 * Settles as `answer` does, or rejects when it takes longer. Timers run before sockets are read. An event loop that was
 * busy past the deadline first reads the bytes that came meanwhile. So its own stall is not taken for Redis's silence.
 * @throws Error "Command timed out" after `timeoutMs` milliseconds
 */
export function withAnswerDeadline<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      reject(new Error('Command timed out'));
    };
    let timer = setTimeout(() => {
      timer = setTimeout(() => setImmediate(giveUp), GRACE_MS);
    }, timeoutMs);
    answer.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
