/** How messages get to where they are published. */
export interface Feed {
  /** Redis answers none of them; an HTTP server each, and what it is too slow for is not published. */
  readonly protocol: 'redis' | 'http';
  readonly port: number;
  /** One for each channel, on the wire, with room for a stamp. */
  readonly messages: readonly Buffer[];
}

/** The messages to publish, in turn and at a steady rate. */
export interface PublishRequest extends Feed {
  readonly messagesPerSecond: number;
  /** Microseconds of `clockUs`. */
  readonly startUs: number;
  readonly endUs: number;
}

/** The messages that were published. */
export interface Published {
  /** Messages, a channel. */
  readonly counts: readonly number[];
}

/** The calls of the publisher process. */
export interface PublisherCalls {
  publish(request: PublishRequest): Promise<Published>;
}
