import type { Socket } from 'node:net';

/** How a connection ends that nobody closed. */
export const CUTS = ['clean', 'reset', 'half-open'] as const;
/** One of {@link CUTS}: a FIN, an RST, or silence on a connection that stays. */
export type Cut = (typeof CUTS)[number];

/** A client's connection through the gateway to a bridge. */
export class Link {
  readonly #ends: readonly [Socket, Socket];
  #cut: Cut | undefined;

  /** @param onGone called once both ends are closed */
  constructor(client: Socket, bridge: Socket, onGone: () => void) {
    this.#ends = [client, bridge];
    client.pipe(bridge);
    bridge.pipe(client);
    for (const [end, other] of [
      [client, bridge],
      [bridge, client],
    ] as const) {
      end.once('close', () => {
        if (other.closed) onGone();
        // Bytes that the other end has not taken yet still reach it.
        else if (this.#cut !== 'half-open') other.destroySoon();
      });
    }
    if (client.destroyed) this.destroy();
  }

  /** Whether it forwards. */
  get isWhole(): boolean {
    return this.#cut === undefined && this.#ends.every((end) => !end.destroyed);
  }

  cut(how: Cut): void {
    this.#cut = how;
    const [client, bridge] = this.#ends;
    client.unpipe(bridge);
    bridge.unpipe(client);
    for (const end of this.#ends) {
      if (how === 'clean') end.destroySoon();
      else if (how === 'reset') end.resetAndDestroy();
      else end.pause();
    }
  }

  destroy(): void {
    for (const end of this.#ends) end.destroy();
  }
}
