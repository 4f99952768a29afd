import { connect } from 'node:net';
import { FrameWriter } from './protobuf/frame-writer';
import { writeCloseInstance } from './protobuf/messages';

/** No server gives this id out. */
const NO_INSTANCE = 0;

/** Whether a plugin server answers on this path. To connect says nothing: the kernel accepts for a server that hangs, too. */
export function answersAt(path: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (result: boolean) => () => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(timeoutMs, settle(false));
    socket.once('data', settle(true)).once('close', settle(false)).once('error', settle(false));
    const out = new FrameWriter();
    writeCloseInstance(out, NO_INSTANCE);
    socket.write(out.take());
  });
}
