import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, renameSync, statSync } from 'node:fs';

/** The kernel's limit on a Unix socket's path (unix(7): 108 bytes with the final zero). */
const MAX_PATH_BYTES = 107;
/** Not the process id: two containers that share a volume both have pid 1. */
const OWN_SUFFIX_BYTES = 4;

/**
 * The path that Kong connects to. A server listens on a name of its own, which is renamed over the path: so it takes the path over
 * without a gap. Its owner before unlinks the name that it bound, and so cannot unlink this one's socket.
 */
export class SocketPath {
  readonly path: string;
  /** The name to listen on. */
  readonly ownName: string;
  readonly #mode: number;
  #inode: number | undefined;

  /** @throws when the path is none, is longer than a socket's may be, or leads to something else */
  constructor(path: string, mode: number) {
    if (path === '') throw new Error('expected the path of a socket, got an empty text');
    // It would be replaced without a word: a configuration perhaps.
    if (statSync(path, { throwIfNoEntry: false })?.isSocket() === false)
      throw new Error(`expected a socket at ${path}, or nothing: there is something else`);
    this.path = path;
    this.ownName = `${path}.${randomBytes(OWN_SUFFIX_BYTES).toString('hex')}`;
    this.#mode = mode;
    if (Buffer.byteLength(this.ownName) <= MAX_PATH_BYTES) return;
    throw new Error(
      `expected a socket path of at most ${MAX_PATH_BYTES - 2 * OWN_SUFFIX_BYTES - 1} bytes, got ${Buffer.byteLength(path)}`,
    );
  }

  /** Whether a socket with this inode is the one that took the path. */
  isOwn(inode: number): boolean {
    return inode === this.#inode;
  }

  /** Takes the path for the socket that listens on the own name, from whoever has it. */
  take(): void {
    chmodSync(this.ownName, this.#mode);
    this.#inode = statSync(this.ownName).ino;
    renameSync(this.ownName, this.path);
  }

  /** Takes the path for another socket on the own name, where there is one. @returns false when somebody else has the path by now */
  takeAgain(): boolean {
    if (!existsSync(this.ownName)) return true;
    const inode = existsSync(this.path) ? statSync(this.path).ino : undefined;
    if (inode !== undefined && !this.isOwn(inode)) return false;
    this.take();
    return true;
  }
}
