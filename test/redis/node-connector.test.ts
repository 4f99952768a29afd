import { expect, it, jest } from '@jest/globals';
import { NodeConnector } from '../../redis/node-connector';
import { LiveSentinelConnector } from '../../redis/sentinel-connector';

/** One that nobody listens on: only root may, and nothing does. */
const CLOSED_PORT = 1;

it.each([
  ['one Redis', NodeConnector],
  ['the master of sentinels', LiveSentinelConnector],
])(
  'a connection to %s that is let go of after it was lost keeps the process for no timer',
  async (_, Connector) => {
    const connector = new Connector({
      host: '127.0.0.1',
      port: CLOSED_PORT,
      name: 'm',
      sentinels: [{}],
    });
    const socket = await new NodeConnector({ port: CLOSED_PORT }).connect();
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
