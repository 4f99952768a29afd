import assert from 'node:assert/strict';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import { Doc } from 'yjs';
import { BridgeClient } from '../../../client/src/index';
import { DocumentSync } from '../../../dev/page/document-sync';
import type { Access } from '../../../protocol/access';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  connect,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  type TestBridge,
} from '../fixture';

// Node 20 has none, and y-websocket reads a constant from it.
Object.assign(globalThis, { WebSocket });

const EDITOR = { tenant: 'acme', user: 'ed', access: 'write' } as const;
const READER = { tenant: 'acme', user: 'vi', access: 'read' } as const;
const PATH = '/ws/collaboration/plan';
const BURST = 50;

let server: RedisServer;
let redis: Redis;
let bridge: TestBridge;
let ends: (() => unknown)[];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
  const rate = { BRIDGE_MESSAGE_BURST: String(BURST), BRIDGE_MAX_MESSAGES_PER_SECOND: '1' };
  // A clock that stands still: nothing is earned back or forgiven while a test runs.
  bridge = await startBridge(server.url, { ...rate, BRIDGE_LINGER_MS: '0' }, { monotonicMs: () => 1000 });
  ends = [];
});
afterEach(async () => {
  for (const end of ends) end();
  await eventually(() => bridge.bridge.openState().connections === 0);
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function open(path: string, caller: typeof EDITOR | typeof READER, offers: string[] = []) {
  const client = await connect(`${bridge.url}${path}`, caller, offers);
  ends.push(() => client.close());
  return client;
}

async function refusedOf(route: string, code: string): Promise<number> {
  const text = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
  const series = `ws_bridge_messages_refused_total{route="${route}",code="${code}"} `;
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(series))
      ?.slice(series.length),
  );
}

describe('a reader on a route that relays', () => {
  it('gets what its peers send, and none of its own messages reaches them', async () => {
    const [editor, reader] = [await open(PATH, EDITOR), await open(PATH, READER)];
    reader.socket.send('changed');
    reader.socket.send(Buffer.of(0, 2, 1, 1));
    expect(await reader.nextJson()).toEqual({
      type: 'error',
      data: { code: 'READ_ONLY', message: 'you may read here, and not write' },
    });
    editor.socket.send('written');
    expect(await reader.nextText()).toBe('written');
    await redis.publish('acme:collaboration:plan', 'by a service');
    for (const client of [editor, reader]) expect(await client.nextText()).toBe('by a service');
    expect([editor.kept, reader.kept]).toEqual([0, 0]);
    expect(await refusedOf('collaboration', 'READ_ONLY')).toBe(2);
  });

  it('is told of each message over bridge.v1, text or binary', async () => {
    const reader = await connectCounting(`${bridge.url}${PATH}`, READER);
    ends.push(() => reader.client.close());
    reader.client.socket.send(Buffer.of(1));
    reader.send('x');
    for (let n = 0; n < 2; n += 1)
      expect(await reader.next()).toMatchObject({ type: 'bridge.error', data: { code: 'READ_ONLY' } });
  });

  it('is not closed for as many messages as a writer may send, and for more as a writer is', async () => {
    const reader = await open(PATH, READER, ['bridge.v1']);
    await reader.nextJson();
    const codesOf = async (count: number) => {
      for (let n = 0; n < count; n += 1) reader.socket.send(Buffer.of(1));
      const codes: string[] = [];
      for (let n = 0; n < count; n += 1)
        codes.push(((await reader.nextJson()) as { data: { code: string } }).data.code);
      return new Set(codes);
    };
    expect(await codesOf(BURST)).toEqual(new Set(['READ_ONLY']));
    expect(await codesOf(BURST)).toEqual(new Set(['TOO_MANY_MESSAGES']));
    reader.socket.send(Buffer.of(1));
    expect(await reader.closed).toBe(4429);
  });

  it('is answered as ever when it asks for a sign of life', async () => {
    const reader = await open(PATH, READER);
    reader.socket.send('{"type":"bridge.ping"}');
    expect(await reader.nextText()).toBe('{"type":"bridge.pong","data":{}}');
  });

  it('may ask for the document so often and no more, and its question is nothing else', async () => {
    const [editor, reader] = [await open(PATH, EDITOR), await open(PATH, READER)];
    const question = Buffer.of(0, 0, 1, 0);
    reader.socket.send(Buffer.of(0, 0, 1, 0, 0));
    for (let n = 0; n < 12; n += 1) reader.socket.send(question);
    reader.socket.send('end');
    await reader.nextJson();
    editor.socket.send('heard');
    await reader.nextText();
    for (let n = 0; n < 10; n += 1) expect((await editor.next()).data).toEqual(question);
    expect(editor.kept).toBe(0);
  });
});

describe('a reader on a route for commands', () => {
  it('gets the stream, and is told of a command by its id', async () => {
    const reader = await open('/ws/ai/chat?session=s1', READER);
    reader.socket.send('{"type":"ask","id":"c1"}');
    expect(await reader.nextJson()).toMatchObject({ data: { code: 'READ_ONLY', id: 'c1' } });
    await redis.publish('ai:stream:s1', 'token');
    expect(await reader.nextText()).toBe('token');
    expect(await redis.xlen('ai:commands')).toBe(0);
  });
});

describe('a reader on a route that takes no messages', () => {
  it('is told what everybody is told', async () => {
    const reader = await open('/ws/notifications', READER);
    reader.socket.send('x');
    expect(await reader.nextJson()).toMatchObject({ data: { message: 'this route takes no messages' } });
  });
});

interface Editing {
  readonly doc: Doc;
  readonly text: () => string;
  readonly write: (text: string) => void;
}

function editing(doc: Doc): Editing {
  const body = doc.getText('body');
  return {
    doc,
    text: () => body.toJSON(),
    write: (text) => {
      body.insert(body.length, text);
    },
  };
}

/** Has it written, and waits until that has reached every peer who was there. */
async function writtenBefore(editor: Editing, text: string): Promise<void> {
  const witness = await open(PATH, EDITOR);
  editor.write(text);
  while (!(await witness.next()).data.includes(text));
}

/** ws with the headers that the gatekeeper would set. */
async function socketAs(caller: { tenant: string; user: string; access: Access }) {
  const headers = await headersFor({ ...caller, path: PATH });
  return class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols, { headers });
    }
  };
}

describe("an editor and a reader with y-websocket's providers", () => {
  interface Provided extends Editing {
    readonly provider: WebsocketProvider;
    readonly closes: unknown[];
  }

  async function provided(caller: typeof EDITOR | typeof READER): Promise<Provided> {
    const doc = new Doc();
    const WebSocketPolyfill = (await socketAs(caller)) as unknown as typeof globalThis.WebSocket;
    const provider = new WebsocketProvider(`${bridge.url}/ws/collaboration`, 'plan', doc, {
      WebSocketPolyfill,
      disableBc: true,
    });
    const closes: unknown[] = [];
    provider.on('connection-close', (event) => closes.push(event));
    ends.push(() => {
      provider.destroy();
      provider.awareness.destroy();
    });
    await eventually(() => provider.wsconnected);
    return { ...editing(doc), provider, closes };
  }

  it('both have the whole document, and what the reader writes reaches nobody', async () => {
    const editor = await provided(EDITOR);
    await writtenBefore(editor, 'before. ');
    const reader = await provided(READER);
    await eventually(() => reader.text() === 'before. ');
    expect(reader.provider.synced).toBe(true);
    reader.write('mine. ');
    editor.write('after. ');
    await eventually(() => reader.text().includes('after. '));
    expect(editor.text()).toBe('before. after. ');
    const late = await provided({ ...EDITOR, user: 'late' } as unknown as typeof EDITOR);
    await eventually(() => late.text() === 'before. after. ');
    expect(editor.text()).toBe('before. after. ');
  });

  it('the reader sees where the editor is, is itself seen by nobody, and stays', async () => {
    const [editor, reader] = [await provided(EDITOR), await provided(READER)];
    for (let n = 0; n < BURST / 2; n += 1) reader.provider.awareness.setLocalStateField('cursor', n);
    editor.provider.awareness.setLocalStateField('cursor', 7);
    const states = () => reader.provider.awareness.getStates().get(editor.doc.clientID);
    await eventually(() => states()?.['cursor'] === 7);
    expect(editor.provider.awareness.getStates().get(reader.doc.clientID)).toBeUndefined();
    expect([reader.provider.wsconnected, reader.closes, editor.closes]).toEqual([true, [], []]);
  });
});

describe('an editor and a reader with the client library', () => {
  interface Synced extends Editing {
    readonly client: BridgeClient;
    readonly sync: DocumentSync;
    readonly refused: string[];
  }

  async function synced(caller: typeof EDITOR | typeof READER): Promise<Synced> {
    const client = new BridgeClient({
      url: `${bridge.url}${PATH}`,
      token: () => 'a.b.c',
      WebSocket: await socketAs(caller),
    });
    ends.push(() => {
      client.close();
    });
    const doc = new Doc();
    const sync = new DocumentSync(doc, (message) => {
      client.sendMessage(message);
    });
    const refused: string[] = [];
    client.on('refused', ({ code }) => refused.push(code));
    client.on('message', (message) => {
      if (typeof message !== 'string') sync.receive(new Uint8Array(message));
    });
    await eventually(() => client.state === 'open');
    sync.resync();
    return { ...editing(doc), client, sync, refused };
  }

  it('both have the whole document, what the reader writes reaches nobody, and it is told so', async () => {
    const editor = await synced(EDITOR);
    await writtenBefore(editor, 'before. ');
    const reader = await synced(READER);
    await eventually(() => reader.text() === 'before. ');
    const told = reader.refused.length;
    reader.write('mine. ');
    await eventually(() => reader.refused.length > told);
    editor.write('after. ');
    await eventually(() => reader.text().includes('after. '));
    expect(editor.text()).toBe('before. after. ');
    expect(new Set(reader.refused)).toEqual(new Set(['READ_ONLY']));
    expect(editor.refused).toEqual([]);
    expect(reader.client.state).toBe('open');
  });
});
