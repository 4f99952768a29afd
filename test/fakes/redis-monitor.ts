import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Redis } from 'ioredis';

/** Told of each command: its name and arguments, and who gave it: an address, or `lua` for a script. */
export type OnCommand = (args: readonly string[], source: string) => void;

const LINE = /^\+[\d.]+ \[\d+ (\S+)\] (.*)$/;

/**
 * Follows all commands of a server without a password, by `MONITOR`. The monitor of ioredis fails when a command comes in one piece with
 * the answer to `MONITOR`, as it does on a busy machine.
 * @returns ends it
 */
export async function monitorRedis({ options }: Redis, onCommand: OnCommand): Promise<() => void> {
  const socket = connect(options.port ?? 6379, options.host);
  socket.write('MONITOR\r\n');
  // The first commands may come in one piece with the answer.
  const answer = new Promise<string>((resolve, reject) => {
    socket.on('error', reject);
    createInterface({ input: socket }).on('line', (line) => {
      const [, source, command = ''] = LINE.exec(line) ?? [];
      if (source === undefined) resolve(line);
      else onCommand(argumentsOf(command), source);
    });
  });
  if ((await answer) !== '+OK')
    throw new Error(`expected MONITOR to be answered with OK, got ${await answer}`);
  return () => socket.destroy();
}

function argumentsOf(command: string): readonly string[] {
  return [...command.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, arg = '']) => arg.replaceAll('\\"', '"'));
}
