import type { Duplex } from 'node:stream';

/**
 * From now on all bytes of one turn of the event loop leave a stream in one write at the turn's end, whoever wrote
 * them. A write costs a syscall, however little it carries.
 */
export function gatherWrites(stream: Duplex): void {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  let gathering = false;
  stream.write = (...args: unknown[]): boolean => {
    if (!gathering) {
      gathering = true;
      stream.cork();
      setImmediate(() => {
        gathering = false;
        stream.uncork();
      });
    }
    return write(...args);
  };
}
