/** The exit codes of the commands of both programs. */
export const EXIT_CODES = {
  /** Done: nothing is wrong, the token would be admitted. */
  done: 0,
  /** Something is wrong, or the token would be refused. */
  refused: 1,
  /** Nothing was tried: the command line or a file that it names cannot be used. */
  usage: 2,
} as const;

/** The text of a command's `--help` about them. */
export const EXIT_CODES_HELP = `
Ends with ${EXIT_CODES.done} when all is well, and with ${EXIT_CODES.refused} when something is wrong or refused. Ends with ${EXIT_CODES.usage} when the command line or a file cannot be used.`;

/** A command that cannot be done as it was asked for. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'ERR_USAGE';
}

/** The code of an error that ends a program. */
export function exitCodeOf(error: unknown): number {
  return error instanceof UsageError ? EXIT_CODES.usage : EXIT_CODES.refused;
}
