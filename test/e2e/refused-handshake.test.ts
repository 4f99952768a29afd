import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { connect, type ConnectError } from '../../client/src/index';
import { token } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: { rate_limits: [{ by: 'tenant', limit: 1, window_size: 3_600, burst: 1 }] },
  });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

/** As a browser's: it tells nobody how a handshake was refused. */
class SilentSocket extends WebSocket {
  override on(...[name, listener]: Parameters<WebSocket['on']>): this {
    return name === ('unexpected-response' as string) ? this : super.on(name, listener);
  }
}

async function firstError(claims: Record<string, unknown>): Promise<ConnectError> {
  const client = connect({
    url: stack.url,
    path: '/ws/notifications',
    token: () => token(claims),
    WebSocket: SilentSocket,
  });
  const error = await new Promise((resolve) => client.on('error', resolve));
  client.close();
  return error as ConnectError;
}

async function open(claims: Record<string, unknown>): Promise<void> {
  const client = connect({
    url: stack.url,
    path: '/ws/notifications',
    token: () => token(claims),
    WebSocket: SilentSocket,
  });
  await new Promise<void>((resolve, reject) => {
    client.on('error', reject);
    client.on('state', () => {
      resolve();
    });
  });
  client.close();
}

describe('a client that its WebSocket does not tell why, through the gateway', () => {
  it('is told the status and the message of a token that is refused', async () => {
    expect(await firstError({ iss: 'somebody-else' })).toMatchObject({
      code: 'REFUSED',
      status: 401,
      message: expect.stringMatching(/^refused: 401 \S/) as unknown,
    });
  });

  it('is told when to come back over a limit, and that question is charged to nobody', async () => {
    await open({ tenant_id: 'busy' });
    // As often as it likes.
    const plain = { headers: { Authorization: `Bearer ${await token({ tenant_id: 'busy' })}` } };
    const url = `${stack.url.replace('ws:', 'http:')}/ws/notifications`;
    for (let i = 0; i < 5; i += 1) expect((await fetch(url, plain)).status).toBe(426);
    await open({ tenant_id: 'busy' });
    const error = await firstError({ tenant_id: 'busy' });
    expect(error).toMatchObject({
      status: 429,
      message: 'refused: 429 Too many connections, try again later',
    });
    expect(error.retryAfterMs).toBeGreaterThan(3_000_000);
  });
});
