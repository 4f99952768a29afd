/** Which of its channel's messages each socket has got, and how often: what is lost is known by its index, not by a sum. */
export class SeenFrames {
  readonly #sockets: { counts: Uint8Array; next: number }[] = [];

  /** @returns false for one that came before, or behind a later one */
  mark(socket: number, index: number): boolean {
    const seen = (this.#sockets[socket] ??= { counts: new Uint8Array(1024), next: 0 });
    if (index >= seen.counts.length) {
      const grown = new Uint8Array(2 * Math.max(seen.counts.length, index));
      grown.set(seen.counts);
      seen.counts = grown;
    }
    seen.counts[index] = Math.min(255, (seen.counts[index] ?? 0) + 1);
    const isInOrder = index >= seen.next;
    if (isInOrder) seen.next = index + 1;
    return isInOrder;
  }

  /** @returns the indexes below `published` that a socket has not got */
  missing(socket: number, published: number): number[] {
    const counts = this.#sockets[socket]?.counts;
    return Array.from({ length: published }, (_, index) => index).filter((index) => !counts?.[index]);
  }
}
