import { expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { joinTunnel, type Tunnel } from '../../kong-stand-in/http/tunnel';

/** One end of a tunnel: what is written to it is taken chunk by chunk, each when `take` lets it. */
function makeEnd(taken: string[], take: (done: () => void) => void): Duplex {
  return new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _, done) => {
      take(() => {
        taken.push(chunk.toString());
        done();
      });
    },
  });
}

function join(tunnel: Pick<Tunnel, 'client' | 'upstream'>, timeouts: Partial<Tunnel> = {}) {
  return joinTunnel({ readTimeoutMs: 60_000, writeTimeoutMs: 60_000, ...tunnel, ...timeouts });
}

it('what one side had sent before it closed is delivered before the other is closed', async () => {
  const taken: string[] = [];
  const client = makeEnd(taken, setImmediate);
  const upstream = makeEnd([], setImmediate);
  const closed = once(client, 'close');
  for (const chunk of ['last ', 'words', null]) upstream.push(chunk);
  expect(await join({ client, upstream })).toBe('upstream closed');
  await closed;
  expect(taken.join('')).toBe('last words');
});

it('there is no half-close: when one side ends, the other cannot go on', async () => {
  const client = makeEnd([], setImmediate);
  const upstream = makeEnd([], setImmediate);
  const closed = once(upstream, 'close');
  client.push(null);
  expect(await join({ client, upstream })).toBe('client closed');
  await closed;
  expect(upstream.destroyed).toBe(true);
});

it('an upstream that takes nothing for write_timeout is cut', async () => {
  const client = makeEnd([], setImmediate);
  const upstream = makeEnd([], () => undefined);
  client.push(Buffer.alloc(1024 * 1024));
  expect(await join({ client, upstream }, { writeTimeoutMs: 20 })).toBe('timed out');
});

it('bytes in either direction put the read timeout off', async () => {
  const client = makeEnd([], setImmediate);
  const upstream = makeEnd([], setImmediate);
  let ticks = 0;
  const ticking = setInterval(() => {
    ticks += 1;
    (ticks % 2 === 0 ? client : upstream).push('x');
    if (ticks === 20) clearInterval(ticking);
  }, 10);
  expect(await join({ client, upstream }, { readTimeoutMs: 100 })).toBe('timed out');
  expect(ticks).toBe(20);
});
