import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { startBridge, type TestBridge } from '../sidecar/fixture';
import { openArena } from './arena';
import { CASES } from './cases';
import { SIZES } from './cases/sizes';
import { closeFrame, fragments, frame, OPCODE } from './frames';
import { runCase, type Arena } from './run-case';

/** Limits that let group 9 through. */
const LARGE = {
  BRIDGE_MAX_FRAME_BYTES: '16777216',
  BRIDGE_MAX_RELAY_BYTES: '16777216',
  BRIDGE_MAX_FRAGMENTS: '100000',
  BRIDGE_MAX_MESSAGES_PER_SECOND: '0',
  BRIDGE_RELAY_BYTES_PER_SECOND: '0',
  BRIDGE_USER_RELAY_BYTES_PER_SECOND: '0',
  BRIDGE_TENANT_RELAY_BYTES_PER_SECOND: '0',
  BRIDGE_MAX_RELAY_BACKLOG_BYTES: '67108864',
  BRIDGE_MAX_BUFFER_BYTES: '67108864',
};

let redis: RedisServer;
const bridges: TestBridge[] = [];
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await Promise.all(bridges.map(({ bridge }) => bridge.close()));
  await redis.stop();
});

async function start(
  env: Readonly<Record<string, string>> = {},
  clocks?: Parameters<typeof startBridge>[2],
): Promise<TestBridge> {
  // Its peers answer no pings, so that a run lasts as long as it does.
  const bridge = await startBridge(redis.url, { BRIDGE_PING_INTERVAL_MS: '600000', ...env }, clocks);
  bridges.push(bridge);
  return bridge;
}

describe.each([
  ['a plain client', undefined],
  ['a client of bridge.v1', 'bridge.v1'],
])('%s at the bridge', (_, subprotocol) => {
  let arena: Arena;
  beforeAll(async () => {
    // The marker says something in each case: on a fast machine more often than a client may.
    arena = await openArena((await start({ BRIDGE_MAX_MESSAGES_PER_SECOND: '0' })).url, subprotocol);
  });

  it.each(CASES.map((row) => [row.id, row.verdict, row.says, row] as const))(
    '%s %s: %s',
    async (_id, verdict, _says, row) => {
      const outcome = await runCase(row, arena);
      expect(outcome).toEqual({ ...outcome, verdict });
    },
  );
});

describe('a bridge whose limits are large', () => {
  let arena: Arena;
  beforeAll(async () => {
    arena = await openArena((await start(LARGE)).url);
  });

  it.each(SIZES.map((row) => [row.id, row.verdict, row.says, row] as const))(
    '%s %s: %s',
    async (_id, verdict, _says, row) => {
      const outcome = await runCase(row, arena);
      expect(outcome).toEqual({ ...outcome, verdict });
    },
  );
});

function fragmentOf4Kib(_: unknown, index: number): Buffer {
  const opcode = index === 0 ? OPCODE.text : OPCODE.continuation;
  return frame(opcode, Buffer.alloc(4096, '*'), { fin: false });
}

describe('a bridge with its default limits', () => {
  let arena: Arena;
  beforeAll(async () => {
    // With a clock that stands still no rate earns anything back, however slow the machine.
    arena = await openArena((await start({}, { monotonicMs: () => 1000 })).url);
  });

  it.each([
    ['a message of more than 256 KiB', frame(OPCODE.text, Buffer.alloc(256 * 1024 + 1, 'x')), 1009],
    [
      'a message in more than 1,024 fragments',
      Buffer.concat(fragments(OPCODE.text, Buffer.alloc(1025), 1)),
      1008,
    ],
    ['a message without an end (9.9.1)', Buffer.concat(Array.from({ length: 65 }, fragmentOf4Kib)), 1009],
  ])('closes at %s, with the code of PROTOCOL.md', async (_, bytes, code) => {
    const client = await arena.open('large');
    await client.write(bytes);
    await client.until(() => false);
    expect([client.closeCode, client.fault]).toEqual([code, undefined]);
  });

  it('refuses messages over the rate, in frames of its own that are correct', async () => {
    const client = await arena.open('many');
    await client.write(Buffer.concat(Array.from({ length: 300 }, () => frame(OPCODE.text, 'x'))));
    await client.write(closeFrame(1000));
    await client.until(() => false);
    const refusals = client.payloads(OPCODE.text).map((payload) => payload.toString());
    expect(refusals.length).toBeGreaterThan(50);
    expect(
      new Set(refusals.map((text) => (JSON.parse(text) as { data: { code: string } }).data.code)),
    ).toEqual(new Set(['TOO_MANY_MESSAGES']));
    expect([client.closeCode, client.fault]).toEqual([1000, undefined]);
  });
});
