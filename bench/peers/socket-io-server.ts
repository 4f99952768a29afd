import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import { load } from './installed';

/** The part of Socket.IO and its adapter that is used. */
interface SocketIo {
  readonly Server: new (server: ReturnType<typeof createServer>, options: { adapter: unknown }) => Server;
}
interface Server {
  on(event: 'connection', listener: (socket: Socket) => void): void;
}
interface Socket {
  readonly handshake: { readonly query: { readonly channel?: string } };
  join(room: string): void;
}
interface RedisAdapter {
  readonly createAdapter: (publisher: Redis, subscriber: Redis) => unknown;
}

const redis = new Redis(Number(process.env['REDIS_PORT']), '127.0.0.1');
const { Server } = load('socket.io') as SocketIo;
const { createAdapter } = load('@socket.io/redis-adapter') as RedisAdapter;

const server = createServer();
const io = new Server(server, { adapter: createAdapter(redis, redis.duplicate()) });
io.on('connection', (socket) => {
  socket.join(socket.handshake.query.channel ?? '');
});
server.listen(Number(process.env['PORT']), '127.0.0.1');
