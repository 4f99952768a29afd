import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it, jest } from '@jest/globals';
import { NodeConnector } from '../../redis/node-connector';
import { LiveSentinelConnector } from '../../redis/sentinel-connector';

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

it.each([
  ['one Redis', NodeConnector],
  ['the master of sentinels', LiveSentinelConnector],
])(
  'a connection to %s that is let go of after it was lost keeps the process for no timer',
  async (_, Connector) => {
    const connector = new Connector({
      host: '127.0.0.1',
      port: await closedPort(),
      name: 'm',
      sentinels: [{}],
    });
    const socket = await new NodeConnector({ port: await closedPort() }).connect();
    while (!socket.closed) await new Promise(setImmediate);
    Object.assign(connector, { stream: socket });
    jest.useFakeTimers();
    try {
      connector.disconnect();
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  },
);
