import { createServer } from 'node:http';
import { jest } from '@jest/globals';
import { closeServer, listen } from '../../sidecar/http-server';

test('more connections may wait to be accepted than Node lets wait', async () => {
  const server = createServer();
  const spy = jest.spyOn(server, 'listen');
  await listen(server, 0, '127.0.0.1');
  await closeServer(server);
  expect(spy).toHaveBeenCalledWith(0, '127.0.0.1', 4096);
});
