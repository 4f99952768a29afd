import { createServer } from 'node:http';
import { jest } from '@jest/globals';
import { pino } from 'pino';
import { closeServer, listen } from '../../../sidecar/http/server';

const ANY_PORT = { port: 0, host: '127.0.0.1' };
const silent = pino({ level: 'silent' });

test('as many connections may wait to be accepted as was said', async () => {
  const server = createServer();
  const spy = jest.spyOn(server, 'listen');
  const address = { ...ANY_PORT, backlog: 4096 };
  await listen(server, address, silent);
  await closeServer(server);
  expect(spy).toHaveBeenCalledWith(address);
});

test('a server that listens outlives a connection that it cannot accept', async () => {
  const server = createServer();
  await listen(server, ANY_PORT, silent);
  server.emit('error', new Error('accept EMFILE'));
  expect(server.listening).toBe(true);
  await closeServer(server);
});

test('a port that is taken is an error', async () => {
  const [server, other] = [createServer(), createServer()];
  const port = await listen(server, ANY_PORT, silent);
  await expect(listen(other, { ...ANY_PORT, port }, silent)).rejects.toThrow('EADDRINUSE');
  await closeServer(server);
});
