import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { startBridge, type TestBridge } from '../sidecar/fixture';
import { DurableStreamsFront } from './durable-streams-front';
import { describeWithPeers, installPeers, PEERS } from './installed';

/** As vitest reports. */
interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: 'passed' | 'failed' | 'skipped' | 'pending';
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const SUITE = '@durable-streams/server-conformance-tests';
/** The cases that read an event stream: the bridge has no other way of reading. */
const CASES = 'SSE';

/** Cases that the bridge does not pass, by why. */
const REASONS: Readonly<Record<string, readonly string[]>> = {
  'a frame has no media type: text and binary ones are told apart by their bytes': [
    'base64 SSE catch-up pairs every data event with a control event',
    'should auto-detect base64 encoding for application/x-protobuf streams',
    'should auto-detect binary streams and return base64 encoded data in SSE mode',
    'should base64 encode data events only, control events remain JSON',
    'should include Stream-SSE-Data-Encoding header for binary streams',
    'should handle JSON payloads with embedded newlines safely',
    'should wrap JSON data in arrays for SSE and produce valid JSON',
  ],
  'a stream has no end: an answer has one, and the next answer comes': [
    'sse-closed-stream-connection-closes: Connection closes after final event',
    'sse-closed-stream-control-event: Final control event has streamClosed: true',
    'sse-closed-stream-no-cursor: streamCursor omitted when streamClosed is true',
    'sse-live-reader-receives-final-append-on-close: live reader at tail receives data appended atomically with the close',
  ],
  'nothing is cached, so there is no cursor for caches, and the answer says no-store': [
    'should generate streamCursor in SSE control events',
    'should handle cursor collision with jitter in SSE mode',
    'should have correct SSE headers (no Content-Length, proper Cache-Control)',
  ],
  'there is no reading but the stream, to compare its offset with': [
    'should handle SSE for empty stream with correct offset',
    'should support offset=now with SSE mode',
  ],
  'a client without a resume point gets what is published from now on': [
    'should require offset parameter for SSE mode',
  ],
  'a session begins with its first client': [
    'should return 404 for offset=now with SSE on non-existent stream',
  ],
  'streams have no forks': ['should stream fork data via SSE'],
};

let server: RedisServer;
let redis: Redis;
let bridge: TestBridge;
let front: DurableStreamsFront;

beforeAll(async () => {
  if (process.env['PEER_PACKAGES'] !== 'install') return;
  await installPeers();
  server = await startRedis();
  redis = new Redis(server.url);
  bridge = await startBridge(server.url);
  front = await DurableStreamsFront.start(bridge.url, redis);
}, 300_000);
afterAll(async () => {
  if (process.env['PEER_PACKAGES'] !== 'install') return;
  await front.stop();
  await bridge.bridge.close();
  redis.disconnect();
  await server.stop();
});

/** The outcome of each case, by its title. */
async function outcomes(): Promise<ReadonlyMap<string, string | undefined>> {
  await writeFile(
    join(PEERS.path, 'suite.test.mjs'),
    `import { runConformanceTests } from '${SUITE}';\nrunConformanceTests({ baseUrl: process.env.FRONT_URL });\n`,
  );
  const vitest = join(PEERS.path, 'node_modules/vitest/vitest.mjs');
  const args = [
    vitest,
    'run',
    '--root',
    PEERS.path,
    '-t',
    CASES,
    '--reporter=json',
    '--outputFile=report.json',
  ];
  const env = { ...process.env, NODE_OPTIONS: '', FRONT_URL: front.url };
  await promisify(execFile)(process.execPath, args, { cwd: PEERS.path, env }).catch(() => undefined);
  const report = JSON.parse(await readFile(join(PEERS.path, 'report.json'), 'utf8')) as Report;
  const ran = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  return new Map(
    ran
      .filter(({ status }) => status === 'passed' || status === 'failed')
      .map(({ title, status, failureMessages }) => [
        title,
        status === 'passed' ? undefined : (failureMessages[0]?.split('\n')[0] ?? 'failed'),
      ]),
  );
}

describeWithPeers('the event streams of the bridge, as Durable Streams has them', () => {
  it('pass every case that reads an event stream, but for those that are listed with why', async () => {
    const all = [...(await outcomes())];
    const failed = all.filter(([, fault]) => fault !== undefined);
    const lines = all.map(
      ([title, fault]) => `  ${fault === undefined ? 'passed' : `failed (${fault})`}: ${title}`,
    );
    process.stdout.write(`${SUITE}: ${all.length - failed.length} of ${all.length}\n${lines.join('\n')}\n`);
    expect(failed.map(([title]) => title).sort()).toEqual(Object.values(REASONS).flat().sort());
  }, 300_000);
});
