import { createServer } from 'node:http';
import { jest } from '@jest/globals';
import { closeServer, listen } from '../../../sidecar/http/server';

test('as many connections may wait to be accepted as was said', async () => {
  const server = createServer();
  const spy = jest.spyOn(server, 'listen');
  const address = { port: 0, host: '127.0.0.1', backlog: 4096 };
  await listen(server, address);
  await closeServer(server);
  expect(spy).toHaveBeenCalledWith(address);
});
