import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { clockUs, untilUs } from '../clock';
import { findStamp, writeStamp } from '../stamp';
import { answerCalls } from '../worker';
import type { Published, PublisherCalls, PublishRequest } from './calls';

/** Between two writes: what is due by then goes out together. */
const TICK_MS = 1;

answerCalls<PublisherCalls>({ publish });

async function publish(request: PublishRequest): Promise<Published> {
  const { commands, messagesPerSecond, startUs, endUs } = request;
  const socket = connect({ host: '127.0.0.1', port: request.port, noDelay: true });
  await once(socket, 'connect');
  socket.write(request.prologue);
  socket.resume();
  const offsets = commands.map((command) => findStamp(command));
  const counts = commands.map(() => 0);
  const total = Math.round(((endUs - startUs) * messagesPerSecond) / 1_000_000);
  await untilUs(startUs);
  for (let sent = 0; sent < total;) {
    const nowUs = clockUs();
    const due = Math.min(total, Math.floor(((nowUs - startUs) * messagesPerSecond) / 1_000_000));
    const batch: Buffer[] = [];
    for (; sent < due; sent += 1) {
      const channel = sent % commands.length;
      const command = commands[channel];
      if (command === undefined) throw new RangeError('no such channel');
      const index = counts[channel] ?? 0;
      counts[channel] = index + 1;
      writeStamp(command, offsets[channel] ?? -1, index, nowUs);
      batch.push(Buffer.from(command));
    }
    if (batch.length > 0) socket.write(Buffer.concat(batch));
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await finish(socket, request);
  return { counts };
}

async function finish(socket: Socket, { epilogue, done }: PublishRequest): Promise<void> {
  let text = '';
  const answered = new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('latin1')).slice(-done.length);
      if (text === done) resolve();
    });
  });
  socket.write(epilogue);
  await answered;
  socket.destroy();
}
