import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { pino, type Logger } from 'pino';
import { LogLines, type LogTarget } from './log-lines';
import { fileTarget, streamTarget } from './log-targets';
import { visibleLines } from './visible';

/** Lines are dropped while so many characters wait for who reads the log. */
export const MAX_UNWRITTEN_LOG_CHARACTERS = 1_048_576;

/** How long a process that ends waits for who reads its log, in milliseconds. */
const LAST_LINES_MS = 500;
const LOOK_AGAIN_MS = 10;
const STDOUT_FD = 1;

/** The members of every line of a log. */
export interface LogBase {
  /** The program's name. */
  readonly name: string;
  readonly pid?: number;
  readonly hostname?: string;
  /** The worker's number, where a program has several. */
  readonly worker?: number;
}

/** A process's log. */
export interface ProcessLog {
  readonly log: Logger;
  /** Writes a line, with its line feed, that another process has logged. */
  readonly relay: (line: string) => void;
  /** Lines that were dropped because nobody took them. */
  readonly droppedLines: () => number;
  /** Resolves once every line is written, or who reads them took too long. */
  readonly settle: () => Promise<void>;
}

/**
 * A process's log: JSON lines on standard output, which never hold the process up. pino's own destinations do when
 * nobody reads. The synchronous one does so at once. The other, which writes in a thread, does so when the process is
 * to end.
 * @param base what every line has
 */
export function processLog(level: string, base: LogBase): ProcessLog {
  let opened: LogLines | undefined;
  // Standard output is touched by the first line: a command that logs nothing has it to itself.
  const lines = (): LogLines => (opened ??= openLines(base));
  const stream = {
    write: (line: string) => {
      // JSON escapes C0 controls only, and a log is read on terminals.
      lines().write(visibleLines(line));
    },
  };
  return {
    log: pino({ level, base }, stream),
    relay: (line) => {
      lines().write(line);
    },
    droppedLines: () => opened?.dropped ?? 0,
    settle: async () => {
      if (opened !== undefined) await settled(opened);
    },
  };
}

function openLines(base: LogBase): LogLines {
  const lines = new LogLines({
    target: standardOutput(base.name),
    maxUnwritten: MAX_UNWRITTEN_LOG_CHARACTERS,
    notice: noticeOf(base),
    soon: setImmediate,
  });
  // As much as fits into the pipe is written before the process is gone.
  process.on('exit', () => {
    lines.finish();
  });
  return lines;
}

function standardOutput(name: string): LogTarget {
  const stdout: Writable = process.stdout;
  const { stderr } = process;
  if (!(stdout instanceof Socket)) return fileTarget(STDOUT_FD);
  // It may have gone the same way, and nobody is left to tell.
  stderr.on('error', () => undefined);
  return streamTarget(stdout, ({ message }) => {
    stderr.write(`${name}: nobody reads the log any more (${message}): its lines are dropped\n`);
  });
}

/** Makes the line as the log's others are, whatever its level. */
function noticeOf(base: object): (dropped: number) => string {
  let made = '';
  const log = pino({ base }, { write: (line: string) => void (made = line) });
  return (dropped) => {
    log.warn({ dropped }, `${dropped} log lines were dropped`);
    return made;
  };
}

async function settled(lines: LogLines): Promise<void> {
  const end = performance.now() + LAST_LINES_MS;
  lines.finish();
  while (lines.unwritten > 0 && performance.now() < end) await delay(LOOK_AGAIN_MS);
}
