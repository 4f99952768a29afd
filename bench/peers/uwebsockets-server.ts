import { Redis } from 'ioredis';
import { load } from './installed';

/** The part of uWebSockets.js that is used. */
interface UWebSockets {
  App(): App;
}
interface App {
  ws(pattern: string, behavior: Behavior): App;
  publish(topic: string, message: Buffer, binary: boolean): boolean;
  numSubscribers(topic: string): number;
  listen(host: string, port: number, listening: (token: unknown) => void): App;
}
interface Behavior {
  maxBackpressure: number;
  upgrade(response: Response, request: Request, context: unknown): void;
  open(socket: Socket): void;
  close(socket: Socket): void;
}
interface Request {
  getQuery(key: string): string | undefined;
  getHeader(name: string): string;
}
interface Response {
  upgrade(data: { channel: string }, key: string, protocol: string, extensions: string, at: unknown): void;
}
interface Socket {
  getUserData(): { channel: string };
  subscribe(topic: string): boolean;
}

/** As much as the bridge lets wait for a socket by default. */
const MAX_BACKPRESSURE_BYTES = 1_048_576;

const redis = new Redis(Number(process.env['REDIS_PORT']), '127.0.0.1');
const app = (load('uwebsockets') as UWebSockets).App();

redis.on('messageBuffer', (channel: Buffer, message: Buffer) => {
  app.publish(channel.toString(), message, false);
});

app.ws('/*', {
  maxBackpressure: MAX_BACKPRESSURE_BYTES,
  upgrade: (response, request, context) => {
    const channel = request.getQuery('channel') ?? '';
    response.upgrade(
      { channel },
      request.getHeader('sec-websocket-key'),
      request.getHeader('sec-websocket-protocol'),
      request.getHeader('sec-websocket-extensions'),
      context,
    );
  },
  open: (socket) => {
    const { channel } = socket.getUserData();
    if (app.numSubscribers(channel) === 0) void redis.subscribe(channel);
    socket.subscribe(channel);
  },
  close: (socket) => {
    const { channel } = socket.getUserData();
    if (app.numSubscribers(channel) === 0) void redis.unsubscribe(channel);
  },
});
app.listen('127.0.0.1', Number(process.env['PORT']), (token) => {
  if (token === false) throw new Error('the port is taken');
});
