import { residentBytes } from '../resident-memory';

const INTERVAL_MS = 50;
const MEGABYTE = 2 ** 20;

/** Looks at a process' resident memory all the time, and keeps the most that it saw. */
export class MemoryWatch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #peakMb = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => {
      this.#look();
    }, INTERVAL_MS);
  }

  /** Megabytes now. */
  nowMb(): number {
    this.#look();
    return this.#mb();
  }

  /** The most megabytes since this was last asked. */
  takePeakMb(): number {
    this.#look();
    const peak = this.#peakMb;
    this.#peakMb = 0;
    return peak;
  }

  stop(): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }

  #look(): void {
    this.#peakMb = Math.max(this.#peakMb, this.#mb());
  }

  #mb(): number {
    try {
      return residentBytes(this.#pid) / MEGABYTE;
    } catch {
      // It has ended: whoever runs the trial says so.
      return 0;
    }
  }
}
