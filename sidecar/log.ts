import { destination, pino, type Logger } from 'pino';

/** Lines are written at the latest when so many characters of them wait. */
const MAX_WAITING_CHARACTERS = 65_536;

/**
 * The process's log: JSON lines on standard output. Those of one turn of the event loop leave in one write: in a storm
 * of upgrades, each of which is a line, a write a line is a syscall more for each. What waits when the process ends is
 * written then; only a process that is killed at once loses the lines of its last turn.
 */
export function processLog(level: string): Logger {
  const out = destination({ dest: 1, sync: true });
  let waiting = '';
  const flush = (): void => {
    if (waiting === '') return;
    const lines = waiting;
    waiting = '';
    out.write(lines);
  };
  process.on('exit', flush);
  const gathered = {
    write: (line: string): void => {
      if (waiting === '') setImmediate(flush);
      waiting += line;
      if (waiting.length > MAX_WAITING_CHARACTERS) flush();
    },
  };
  return pino({ level, base: { name: 'ws-bridge' } }, gathered);
}
