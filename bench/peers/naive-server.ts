import { Redis } from 'ioredis';
import { WebSocketServer, type WebSocket } from 'ws';
import { channelOf } from './channel-of';

const redis = new Redis(Number(process.env['REDIS_PORT']), '127.0.0.1');
const members = new Map<string, Set<WebSocket>>();

redis.on('messageBuffer', (channel: Buffer, message: Buffer) => {
  for (const socket of members.get(channel.toString()) ?? []) socket.send(message, { binary: false });
});

const server = new WebSocketServer({ port: Number(process.env['PORT']), host: '127.0.0.1' });
server.on('connection', (socket, request) => {
  const channel = channelOf(request.url ?? '');
  const sockets = members.get(channel) ?? new Set();
  if (sockets.size === 0) void redis.subscribe(channel);
  members.set(channel, sockets.add(socket));
  socket.on('error', () => undefined);
  socket.on('close', () => {
    sockets.delete(socket);
    if (sockets.size > 0) return;
    members.delete(channel);
    void redis.unsubscribe(channel);
  });
});
