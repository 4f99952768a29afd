/** What is published, in turn and at a steady rate. */
export interface PublishRequest {
  readonly port: number;
  /** Sent first: makes the server leave out its answers. */
  readonly prologue: Buffer;
  /** One for each channel, on the wire, with room for a stamp. */
  readonly commands: readonly Buffer[];
  /** Sent last, and how the answer ends that says that everything before was done. */
  readonly epilogue: Buffer;
  readonly done: string;
  readonly messagesPerSecond: number;
  /** Microseconds of `clockUs`. */
  readonly startUs: number;
  readonly endUs: number;
}

/** What was published. */
export interface Published {
  /** Messages, a channel. */
  readonly counts: readonly number[];
}

/** What the publisher process does when it is called. */
export interface PublisherCalls {
  publish(request: PublishRequest): Promise<Published>;
}
