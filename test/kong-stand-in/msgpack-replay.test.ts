import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decode, encode } from '@msgpack/msgpack';
import { configWith, startFixture, type Fixture } from './fixture';
import { requestRaw, type RawAnswer } from './raw-client';
import { readDump, readRecording, type RecordedEvent } from './recording';
import type { Peer } from './unix-server';

// One session, as it was recorded with the stock server: the message ids run through all recordings.
describe('what the gateway says to a MsgPack plugin server', () => {
  let fixture: Fixture;
  let peer: Peer;

  beforeAll(async () => {
    fixture = await startFixture({
      dump: readDump(),
      config: configWith({ name: 'tenant-gate', config: { prefix: 'T-' } }),
    });
    const server = await fixture.startPluginServer();
    void server.accept().then((accepted) => (peer = accepted));
  });
  afterAll(() => fixture.stop());

  it('starts an instance and admits an upgrade as Kong does', async () => {
    const { answers } = await replay('02-start-instance-then-accepted-upgrade');
    expect(answers[0]?.status).toBe(101);
    expect(fixture.upstream.last.headers).toMatchObject({ 'x-tenant-id': 'T-b', 'x-a': '1, 2', 'x-b': 'b' });
  });

  it('goes on with the warm instance', async () => {
    const { answers } = await replay('03-accepted-upgrade-warm');
    expect(answers[0]?.status).toBe(101);
    expect(fixture.upstream.last.headers['x-tenant-id']).toBe('T-b');
  });

  it.each(['04-rejected-upgrade-response-exit', '05-rejected-http-response-exit'])(
    '%s: the client gets the plugin’s answer',
    async (name) => {
      const { answers } = await replay(name);
      expect(answers[0]).toMatchObject({ status: 401, body: '{"message":"no token"}' });
      expect(answers[0]?.headers.get('www-authenticate')).toBe('Token');
      expect(answers[0]?.headers.get('content-type')).toBe('application/json; charset=utf-8');
    },
  );

  it('hands over repeated headers and query arguments as lists', async () => {
    const { answers } = await replay('06-multi-value-header-repeated-query', '/q?a=1&a=2&b&c=&d=%E2%82%AC');
    expect(answers[0]?.status).toBe(200);
  });

  it('answers every PDK call as Kong does', async () => {
    const { answers } = await replay('07-many-pdk-calls', '/q?a=1&a=2&b');
    expect(answers[0]?.status).toBe(200);
    expect(fixture.upstream.last.headers).toMatchObject({ 'x-added': '1', 'x-tenant-id': 'T-a' });
    expect(fixture.upstream.last.headers).not.toHaveProperty('x-multi');
    expect(fixture.log).toContain('err: could not find pdk method: kong.request.no_such_method');
  });

  it('proxies the request when the plugin throws, as Kong does', async () => {
    const { answers } = await replay('08-throw-in-access');
    expect(answers[0]?.status).toBe(200);
    expect(fixture.upstream.last.headers['x-throw']).toBe('1');
  });

  it('answers 500 when a PDK call raises', async () => {
    const { answers } = await replay('09-pdk-call-raises-in-kong');
    expect(answers[0]?.status).toBe(500);
    expect(answers[0]?.body).toContain('"message":"An unexpected error occurred"');
  });

  it('starts another instance for a server that does not know its own, and proxies when it dies', async () => {
    const { answers } = await replay('10-server-restarted-no-plugin-instance-then-startinstance');
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(fixture.log).toContain('warn: no plugin instance #0');
    expect(fixture.log).toContain('err: no data');
  });

  async function replay(name: string, path = '/'): Promise<{ answers: RawAnswer[] }> {
    const recorded = readRecording(`msgpack/${name}`).filter(({ conn }) => conn === 1);
    const answers: RawAnswer[] = [];
    for (const events of splitByRequest(recorded)) {
      const lines = requestOf(events, path);
      const [answer] = await Promise.all([requestRaw(fixture.gateway.port, lines), play(events)]);
      answers.push(answer);
    }
    return { answers };
  }

  async function play(events: readonly RecordedEvent[]): Promise<void> {
    for (const event of events) {
      if (event.type === 'request') expectRequest(await nextMessage(), event);
      else if (event.type === 'response') peer.socket.write(encode([1, event.id, event.error, event.result]));
      else peer.socket.destroy();
    }
  }

  async function nextMessage(): Promise<unknown[]> {
    // The connection is made by the first request.
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- assigned from a callback
    while (peer === undefined) await new Promise((resolve) => setImmediate(resolve));
    return decode((await peer.chunk()) ?? new Uint8Array()) as unknown[];
  }
});

/** Each request begins with HandleEvent, or with the StartInstance that leads to one. */
function splitByRequest(events: readonly RecordedEvent[]): RecordedEvent[][] {
  const requests: RecordedEvent[][] = [];
  let ended = true;
  for (const event of events) {
    if (ended) requests.push([]);
    requests.at(-1)?.push(event);
    ended = (event.result as { Data?: unknown } | null | undefined)?.Data === 'ret';
  }
  return requests;
}

function requestOf(events: readonly RecordedEvent[], path: string): string[] {
  const step = events.find(({ method }) => method === 'plugin.StepMultiMap');
  const { Data } = step?.args?.[0] as { Data: Record<string, string[]> };
  const lines = Object.entries(Data).flatMap(([name, values]) => values.map((value) => `${name}: ${value}`));
  return [`GET ${path} HTTP/1.1`, ...lines];
}

/** Equal to what Kong sent, but for what is another one's: times and random ids. */
function expectRequest(actual: unknown[], { id, method, args }: RecordedEvent): void {
  const [kind, actualId, actualMethod, actualArgs] = actual;
  expect([kind, actualId, actualMethod]).toEqual([0, id, method]);
  const [expected] = JSON.parse(JSON.stringify(args)) as [Record<string, unknown>];
  const [own] = actualArgs as [Record<string, unknown>];
  if (method === 'plugin.StartInstance') {
    expect(JSON.parse(own['Config'] as string)).toEqual(JSON.parse(expected['Config'] as string));
    return;
  }
  expect(neutral(own)).toEqual(neutral(expected));
}

function neutral(args: Record<string, unknown>): unknown {
  const data = args['Data'];
  if (typeof data === 'string') return { ...args, Data: data.replace(/^[\da-f]{32}$/, '32 hex digits') };
  if (typeof data !== 'object' || data === null) return args;
  const { created_at: created, updated_at: updated, ...rest } = data as Record<string, unknown>;
  return { ...args, Data: { ...rest, times: [typeof created, typeof updated] } };
}
