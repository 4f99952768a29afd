import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { token } from '../e2e/client';
import type { Stack } from '../e2e/stack';
import { startStack } from '../e2e/start-stack';
import { CASES } from './cases';
import { RawPeer } from './raw-peer';
import { runCase, type Arena } from './run-case';

const PATH = '/ws/collaboration/conformance';
/** Some cases of each group: a gateway tunnels bytes, and may cut, hold or join pieces of them. */
const SAMPLE = new Set([
  ...['1.1.1', '1.1.7', '1.1.8', '1.2.7', '2.4', '2.5', '2.6', '2.11', '3.1', '3.4', '4.1.3', '4.2.5'],
  ...['5.5', '5.8', '5.14', '5.15', '5.19', '5.20', '6.2.3', '6.3.2', '6.4.1', '6.4.4', '6.5.5', '6.20.1'],
  ...[
    '7.1.1',
    '7.1.3',
    '7.1.5',
    '7.1.6',
    '7.3.1',
    '7.3.2',
    '7.3.5',
    '7.3.6',
    '7.7.1',
    '7.7.13',
    '7.9.4',
    '10.1.1',
  ],
]);
const ROWS = CASES.filter(({ id }) => SAMPLE.has(id));

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ config: { rate_limits: [] } });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

async function openArena(subprotocol?: string): Promise<Arena> {
  const open = async (sub: string): Promise<RawPeer> => {
    const authorization = `Bearer ${await token({ sub })}`;
    const offered = subprotocol === undefined ? {} : { 'Sec-WebSocket-Protocol': subprotocol };
    const port = Number(new URL(stack.url).port);
    return RawPeer.open({ port, path: PATH, headers: { Authorization: authorization, ...offered } });
  };
  return { open, listener: await open('listener'), marker: await open('marker') };
}

describe.each([
  ['a plain client', undefined],
  ['a client of bridge.v1', 'bridge.v1'],
])('%s behind the gateway', (_, subprotocol) => {
  let arena: Arena;
  beforeAll(async () => {
    arena = await openArena(subprotocol);
  });

  it.each(ROWS.map((row) => [row.id, row.verdict, row.says, row] as const))(
    '%s %s: %s',
    async (_id, verdict, _says, row) => {
      expect(await runCase(row, arena)).toMatchObject({ verdict });
    },
  );
});
