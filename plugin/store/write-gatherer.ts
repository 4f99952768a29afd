import type { Writable } from 'node:stream';

/** Questions of one turn of the event loop, by however many decisions, leave in one write a socket. */
export function writeGatherer(): (open: () => readonly Pick<Writable, 'cork' | 'uncork'>[]) => void {
  let gathering = false;
  return (open) => {
    if (gathering) return;
    gathering = true;
    const streams = open();
    for (const stream of streams) stream.cork();
    setImmediate(() => {
      gathering = false;
      for (const stream of streams) stream.uncork();
    });
  };
}
