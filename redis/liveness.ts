/** How much a connection has read and written so far, in bytes; a socket of Node is one. */
export interface Traffic {
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** How long a connection may be quiet, in looks at it. */
export interface Patience {
  /** So many looks in a row find nothing heard, though something was asked: it is silent. */
  readonly askedLooks: number;
  /** So many find nothing heard and nothing asked: something is to be asked. */
  readonly idleLooks: number;
}

/** `silent`: it was asked and does not answer. `idle`: ask it, or nobody learns that it is dead. */
export type LivenessVerdict = 'well' | 'idle' | 'silent';

/**
 * Judges one connection by what it carries. Time is counted in looks, between any two of which the process reads its
 * sockets. However long the process was busy itself, that is one look and no silence of the other side.
 */
export class Liveness {
  #read = 0;
  #writtenWhenHeard = 0;
  #quietLooks = 0;
  #askedLooks = 0;

  look({ bytesRead, bytesWritten }: Traffic, { askedLooks, idleLooks }: Patience): LivenessVerdict {
    if (bytesRead !== this.#read) {
      this.#read = bytesRead;
      this.#writtenWhenHeard = bytesWritten;
      this.#quietLooks = this.#askedLooks = 0;
      return 'well';
    }
    this.#quietLooks += 1;
    if (bytesWritten > this.#writtenWhenHeard) {
      this.#askedLooks += 1;
      return this.#askedLooks > askedLooks ? 'silent' : 'well';
    }
    return this.#quietLooks < idleLooks ? 'well' : 'idle';
  }
}
