import { largestMessage, type MessageSizes } from '../inbound/message-size';
import type { Route } from '../routes/route';
import type { FrameLimits } from '../websocket/frame-reader';

/** In so many pieces a frame may come that is not whole yet; its client is closed with 1008 (PROTOCOL.md §3). */
export const MAX_PIECES = 16_384;

/** How large messages from clients may be. */
export interface MessageBounds {
  readonly messageSizes: MessageSizes;
  /** Frames that a message may come in. */
  readonly maxFragments: number;
}

/** How much clients may send, by route: all sockets of a route share one object. */
export class FrameBounds {
  readonly #bounds: MessageBounds;
  readonly #limits = new Map<Route, FrameLimits>();

  constructor(bounds: MessageBounds) {
    this.#bounds = bounds;
  }

  of(route: Route): FrameLimits {
    const known = this.#limits.get(route);
    if (known !== undefined) return known;
    const { messageSizes, maxFragments } = this.#bounds;
    const limits = {
      maxMessageBytes: largestMessage(route, messageSizes),
      maxFragments,
      maxPieces: MAX_PIECES,
    };
    this.#limits.set(route, limits);
    return limits;
  }
}
