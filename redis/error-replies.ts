import { ToldReasons, REASON_OVER_MS } from './told-reasons';

/** An error that Redis answered a command with, as ioredis hands it over. */
export interface ErrorReply {
  readonly message: string;
  readonly command?: { readonly name: string };
}

/** Hears of error replies. */
export interface ErrorReplyListener {
  /** Redis refuses commands, for a reason that was not told before. */
  refused(reason: string, command: string | undefined): void;
  /** It has not said so for a while. */
  over(reason: string): void;
}

/** Between two new connections for what a server that is not the master answered, at least, in milliseconds. */
export const REOPEN_INTERVAL_MS = 1000;
/** The same for what the master may answer as well, in milliseconds. */
export const DOUBT_INTERVAL_MS = 10_000;

/** Nothing is wrong: a script is sent whole then, and a cluster's client goes where it is sent. */
const ORDINARY = /^(NOSCRIPT|MOVED|ASK|TRYAGAIN) /;
/** The server at the other end is a replica: behind its address there may be a master by now. */
const NOT_THE_MASTER = /^(READONLY|MASTERDOWN) /;
/**
 * The server may be loading a new master's data, or its replicas may have left it for one. Or it is the master all the
 * same.
 */
const PERHAPS_NOT_THE_MASTER = /^(LOADING|NOREPLICAS) /;

/**
 * Looks at every error that Redis answers a connection with: each new reason is told once, in Redis's own words, whoever's
 * command it was, but for rights that lack. For ioredis's `reconnectOnError`.
 * @param nowMs a monotonic clock, milliseconds
 * @returns whether a new connection may help; at most once in {@link REOPEN_INTERVAL_MS} or {@link DOUBT_INTERVAL_MS}, so that a
 * Redis that stays so is not stormed
 */
export function errorReplies(
  listener: ErrorReplyListener,
  nowMs: () => number,
): (error: ErrorReply) => boolean {
  const told = new ToldReasons(nowMs);
  let reopenedAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  const lookForOver = (): void => {
    for (const reason of told.takeOver()) listener.over(reason);
    if (!told.isEmpty) return;
    clearInterval(timer);
    timer = undefined;
  };
  return (error) => {
    if (ORDINARY.test(error.message)) return false;
    if (told.hear(error.message, lackedRight(error))) listener.refused(error.message, error.command?.name);
    timer ??= setInterval(lookForOver, REASON_OVER_MS / 3).unref();
    const intervalMs = intervalFor(error.message);
    if (intervalMs === undefined || nowMs() - reopenedAt < intervalMs) return false;
    reopenedAt = nowMs();
    return true;
  };
}

/** Two rights of each command may lack: to run it, and to touch what it names. Another reason is the same whoever's command it met. */
function lackedRight({ message, command }: ErrorReply): string {
  if (!message.startsWith('NOPERM ')) return '';
  return `${command?.name ?? ''}${message.includes(' to run ') ? '' : ' of its keys'}`;
}

/** Undefined where a new connection does not help. */
function intervalFor(message: string): number | undefined {
  if (NOT_THE_MASTER.test(message)) return REOPEN_INTERVAL_MS;
  return PERHAPS_NOT_THE_MASTER.test(message) ? DOUBT_INTERVAL_MS : undefined;
}
