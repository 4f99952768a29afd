/** A connection over which messages are published. */
export interface Line {
  /** How many messages it takes now. */
  readonly room: number;
  write(messages: readonly Buffer[]): void;
  /** Settles once everything that was written is done, and disconnects. */
  finish(): Promise<void>;
}
