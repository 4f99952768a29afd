import { checkChoice, checkNumber } from './check-option';
import type { AnswerEnd, AnswerPart } from './frames';
import type { CommandToAnswer } from './command';

/** The context of a command, for its handler. */
export interface AnswerContext {
  /** Aborted once the answer is wanted no longer: it was cancelled, it took too long, or another worker has it. */
  readonly signal: AbortSignal;
  /** How often a worker began this answer, this time included. */
  readonly attempt: number;
}

/** Answers a command: yields frames, and returns the `data` of the answer's `complete`. */
export type AnswerHandler<Data = unknown> = (
  command: CommandToAnswer<Data>,
  context: AnswerContext,
) => AsyncIterator<AnswerPart, AnswerEnd | undefined> | AsyncIterator<AnswerPart, void>;

/** How one type of commands is answered. */
export interface AnswerOptions {
  /**
   * - `atMostOnce`: a command whose worker died in the midst ends with `WORKER_LOST`
   * - `atLeastOnce`: another worker begins it anew
   *
   * `atMostOnce` by default.
   */
  readonly delivery?: 'atMostOnce' | 'atLeastOnce' | undefined;
  /** With `atLeastOnce`: how many workers may die of one command. 3 by default. */
  readonly maxAttempts?: number | undefined;
  /** How long an answer may take. 300,000 by default. */
  readonly timeoutMs?: number | undefined;
  /**
   * Ends the answer once its channel has had no listener for so long after the bridges said so. Their route of AI chats needs
   * `presence`. An answer goes on without listeners by default.
   */
  readonly unheardMs?: number | undefined;
}

/** The outcome of an answer. */
export interface AnswerReport {
  readonly command: CommandToAnswer;
  /** `complete`, or the code of its error. */
  readonly outcome: string;
  readonly attempt: number;
  /** How many frames were published before the last one. */
  readonly frames: number;
  /** From this worker's reading of the command to the handler's first frame; undefined when there was none. */
  readonly firstFrameMs: number | undefined;
  /** From this worker's reading of the command to the last frame. */
  readonly totalMs: number;
}

/** How commands are answered. */
export interface AnsweringOptions {
  /** The consumer group: all workers of one service have the same. `answer` needs it. */
  readonly group?: string | undefined;
  /** The stream of commands, as the bridges have it in BRIDGE_COMMAND_STREAM. `ai:commands` by default. */
  readonly commandStream?: string | undefined;
  /** How many answers this process gives at once. 32 by default. */
  readonly concurrency?: number | undefined;
  /** How many of them are one tenant's. 8 by default. */
  readonly tenantConcurrency?: number | undefined;
  /** How many commands this process reads ahead of those that it answers. 2,000 by default. */
  readonly readAheadCommands?: number | undefined;
  /** How many bytes they take of its memory, about. 16 MiB by default. */
  readonly readAheadBytes?: number | undefined;
  /** After so long without a sign of life a worker is dead, and others take over what it had. 15,000 by default. */
  readonly leaseMs?: number | undefined;
  /**
   * A command of a type without a handler: `refuse` ends it with `UNKNOWN_COMMAND`. `ignore` leaves it to another group of the
   * same stream. `refuse` by default.
   */
  readonly otherTypes?: 'refuse' | 'ignore' | undefined;
  /** Where an answer goes, without the prefix. The channel `ai:stream:{session}` by default. */
  readonly channelOf?: ((command: CommandToAnswer) => string) | undefined;
  /** Told of each answer that has ended. */
  readonly onAnswer?: ((report: AnswerReport) => void) | undefined;
  /** Told of what went wrong: what a handler threw, what Redis refused. It is for a log. */
  readonly onFault?: ((cause: unknown) => void) | undefined;
}

/** One type's handler, with its options. */
export interface Answerer {
  readonly answer: AnswerHandler;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly unheardMs: number | undefined;
}

export const DEFAULT_COMMAND_STREAM = 'ai:commands';

/** How the process answers, with every default. */
export interface AnsweringSettings {
  readonly concurrency: number;
  readonly tenantConcurrency: number;
  readonly readAheadCommands: number;
  readonly readAheadBytes: number;
  readonly leaseMs: number;
  readonly ignoresOthers: boolean;
  readonly onAnswer: (report: AnswerReport) => void;
  readonly onFault: (cause: unknown) => void;
}

const NUMBERS = {
  concurrency: 32,
  tenantConcurrency: 8,
  readAheadCommands: 2_000,
  readAheadBytes: 16 * 1024 * 1024,
  leaseMs: 15_000,
} as const;
const MIN_LEASE_MS = 1_000;
const ANSWER_NUMBERS = { maxAttempts: 3, timeoutMs: 300_000 } as const;

/** @throws TypeError at an option that cannot be */
export function answeringSettings(options: AnsweringOptions): AnsweringSettings {
  checkChoice('otherTypes', options.otherTypes, 'refuse', 'ignore');
  const settings = {
    ...withDefaults(NUMBERS, options),
    ignoresOthers: options.otherTypes === 'ignore',
    ...safeHooks(options),
  };
  const { leaseMs } = settings;
  if (leaseMs < MIN_LEASE_MS)
    throw new TypeError(`expected leaseMs to be ${MIN_LEASE_MS} or more, not ${leaseMs}`);
  return settings;
}

/** @throws TypeError at an option that cannot be */
export function answererOf(answer: AnswerHandler, options: AnswerOptions): Answerer {
  checkChoice('delivery', options.delivery, 'atMostOnce', 'atLeastOnce');
  const { maxAttempts, timeoutMs } = withDefaults(ANSWER_NUMBERS, options);
  const { unheardMs } = options;
  if (unheardMs !== undefined) checkNumber('unheardMs', unheardMs);
  return { answer, timeoutMs, unheardMs, maxAttempts: options.delivery === 'atLeastOnce' ? maxAttempts : 1 };
}

function withDefaults<Name extends string>(
  defaults: Readonly<Record<Name, number>>,
  given: Readonly<Partial<Record<NoInfer<Name>, number | undefined>>>,
): Record<Name, number> {
  const numbers: Record<Name, number> = { ...defaults };
  for (const name of Object.keys(defaults) as Name[]) {
    const number = given[name] ?? defaults[name];
    checkNumber(name, number);
    numbers[name] = number;
  }
  return numbers;
}

/** A hook that throws is told to nobody: there is nobody else. */
export function safely(hook: ((cause: unknown) => void) | undefined): (cause: unknown) => void {
  return (cause) => {
    try {
      hook?.(cause);
    } catch {
      // Its own fault.
    }
  };
}

/** A hook that throws ends no answer. */
function safeHooks({ onAnswer, onFault }: AnsweringOptions): Pick<AnsweringSettings, 'onAnswer' | 'onFault'> {
  const tellFault = safely(onFault);
  const tellAnswer = (report: AnswerReport): void => {
    try {
      onAnswer?.(report);
    } catch (cause) {
      tellFault(cause);
    }
  };
  return { onAnswer: tellAnswer, onFault: tellFault };
}
