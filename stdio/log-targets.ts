import { writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { LogTarget } from './log-lines';

/**
 * A pipe or a socket that Node writes to without blocking: what its reader does not take waits in the stream.
 * @param onError called with the first failure, after which nothing is written any more: the reader has gone
 */
export function streamTarget(stream: Writable, onError: (error: Error) => void): LogTarget {
  let failure: Error | undefined;
  stream.on('error', (error) => {
    if (failure === undefined) onError(error);
    failure ??= error;
  });
  return {
    get unwritten() {
      return failure === undefined ? stream.writableLength : 0;
    },
    write: (text, done) => {
      if (failure === undefined)
        stream.write(text, (error) => {
          done(error ?? undefined);
        });
      else done(failure);
    },
  };
}

/** A file, which is written at once: a full disk costs the lines that do not fit, and no more. */
export function fileTarget(fd: number): LogTarget {
  return {
    unwritten: 0,
    write: (text, done) => {
      try {
        writeSync(fd, text);
      } catch (error) {
        done(error as Error);
        return;
      }
      done();
    },
  };
}
