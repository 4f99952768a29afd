import { schemas } from '@asyncapi/specs';
import { describe, expect, it } from '@jest/globals';
import { Ajv, type SchemaObject } from 'ajv';
import { CLOSE_CODES } from '../../protocol/close-codes';
import {
  BRIDGE_ERRORS,
  PLAIN_SUBPROTOCOL,
  SUBPROTOCOL,
  type ControlFrame,
  type DataFrame,
  type GapReason,
} from '../../protocol/frames';
import { parseCommand } from '../../sidecar/inbound/command';
import { readLockMessage } from '../../sidecar/locks/lock-message';
import { parseBridgeMessage, parseMarker } from '../../sidecar/resume/handover/messages';
import { RedisNames } from '../../sidecar/redis/names';
import { DEFAULT_ROUTES, type MessagePolicy } from '../../sidecar/routes/route';
import { parseSettings } from '../../sidecar/settings/settings';
import { allRefs, DOCUMENT, payloadSchema, queryOf, resolve, type Channel } from './asyncapi-document';
import { parseControlMessage } from '../../sidecar/control/orders';

const { channels, operations, components } = DOCUMENT;

// Types have no values to compare with: the type check holds these lists to protocol/frames.ts.
const REASONS = {
  unknown: true,
  expired: true,
  timeout: true,
  redis: true,
  slow: true,
  reserved: true,
} satisfies Record<GapReason, true>;
const CONTROL_FRAMES = {
  'bridge.ready': true,
  'bridge.ack': true,
  'bridge.gap': true,
  'bridge.state': true,
  'bridge.error': true,
  'bridge.peers': true,
  'bridge.locked': true,
  'bridge.unlocked': true,
  'bridge.locks': true,
  'bridge.pong': true,
} satisfies Record<ControlFrame['type'], true>;
/** Those of people at one document. */
const TOGETHER: ReadonlySet<string> = new Set([
  'bridge.peers',
  'bridge.locked',
  'bridge.unlocked',
  'bridge.locks',
]);
const DATA_FRAMES = {
  start: true,
  token: true,
  chunk: true,
  content: true,
  progress: true,
  status: true,
  step_start: true,
  step_complete: true,
  tool_call: true,
  tool_result: true,
  complete: true,
  error: true,
} satisfies Record<DataFrame['type'], true>;

function on(server: string): [string, Channel][] {
  return Object.entries(channels).filter(([, { servers }]) =>
    servers.some(({ $ref }) => $ref === `#/servers/${server}`),
  );
}

function received(channel: string): readonly string[] {
  return Object.values(operations)
    .filter(({ action, channel: of }) => action === 'receive' && of.$ref === `#/channels/${channel}`)
    .flatMap(({ messages = [] }) => messages.map(({ $ref }) => $ref.slice($ref.lastIndexOf('/') + 1)));
}

describe('docs/asyncapi.yaml', () => {
  it('is an AsyncAPI 3.0.0 document', () => {
    // The specification's schema brings its own copy of JSON Schema's.
    const ajv = new Ajv({ strict: false, validateFormats: false, meta: false, validateSchema: false });
    const validate = ajv.compile(schemas['3.0.0'] as SchemaObject);
    validate(DOCUMENT);
    expect(validate.errors).toBeNull();
  });

  it('has no reference that leads nowhere', () => {
    const refs = allRefs();
    expect(refs.length).toBeGreaterThan(0);
    expect(refs.filter((ref) => resolve(ref) === undefined)).toEqual([]);
  });

  it('names in its operations messages of their channels only', () => {
    for (const { channel, messages = [] } of Object.values(operations))
      for (const { $ref } of messages) expect($ref).toContain(`${channel.$ref}/messages/`);
  });

  it('uses every message and every channel', () => {
    const used = new Set(allRefs().map(({ $ref }) => $ref));
    const expected = [
      ...Object.keys(components.messages).map((name) => `#/components/messages/${name}`),
      ...Object.keys(channels).map((name) => `#/channels/${name}`),
    ];
    expect(expected.filter((ref) => !used.has(ref))).toEqual([]);
  });

  it('describes the parameters of every address', () => {
    for (const { address, parameters = {} } of Object.values(channels)) {
      const named = [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(Object.keys(parameters).sort()).toEqual(named.sort());
    }
  });

  it('has the control frames, and the data frames of an AI chat, on its routes', () => {
    const names = (channel: string): string[] =>
      Object.keys(channels[channel]?.messages ?? {}).filter((name) => name !== 'refusal');
    const frames = [...Object.keys(DATA_FRAMES), ...Object.keys(CONTROL_FRAMES)].filter(
      (name) => name !== 'bridge.state' && !TOGETHER.has(name),
    );
    expect(names('ai-chat').sort()).toEqual([...frames, 'command'].sort());
    expect(Object.keys(components.messages).filter((name) => name.startsWith('bridge.'))).toEqual(
      Object.keys(CONTROL_FRAMES),
    );
    for (const [name] of on('gateway'))
      expect(names(name)).toEqual(
        expect.arrayContaining(['bridge.ready', 'bridge.gap', 'bridge.error', 'bridge.pong']),
      );
  });

  it('has the codes and reasons of protocol/frames.ts', () => {
    expect(components.schemas['errorCode']?.enum).toEqual(Object.keys(BRIDGE_ERRORS));
    expect(components.schemas['gapReason']?.enum).toEqual(Object.keys(REASONS));
  });

  it('has the close codes of protocol/close-codes.ts, and the subprotocols that a client may offer', () => {
    const codes = Object.values(CLOSE_CODES).map(({ code, meaning }) => [String(code), meaning]);
    expect(Object.entries(DOCUMENT.servers.gateway['x-close-codes'])).toEqual(codes);
    const offers = components.schemas['offers']?.description ?? '';
    for (const name of [SUBPROTOCOL, PLAIN_SUBPROTOCOL, 'BRIDGE_SUBPROTOCOLS', 'bearer.'])
      expect(offers).toContain(name);
  });

  it('has the built-in routes, their queries and what they take', () => {
    const taken: Record<MessagePolicy, readonly string[]> = {
      commands: ['command'],
      refuse: [],
      relay: ['peer', 'lock', 'unlock'],
    };
    const documented = on('gateway').map(([name, channel]) => ({
      name,
      path: channel.address,
      query: queryOf(channel),
      received: received(name),
      echoAfterSeconds: channel['x-echo-after-seconds'],
      initial: channel['x-state-key'],
      hasState: 'bridge.state' in channel.messages,
    }));
    expect(documented).toEqual(
      DEFAULT_ROUTES.map(({ name, path, session, messages, echoAfterSeconds, initial }) => ({
        name,
        path,
        query: [...(session ? ['session'] : []), 'resume', ...(initial === undefined ? [] : ['state'])],
        received: taken[messages],
        echoAfterSeconds,
        initial,
        hasState: initial !== undefined,
      })),
    );
  });

  it('has every route over HTTP as well', () => {
    const [overWebSockets, overHttp] = [on('gateway'), on('gatewayStreams')];
    expect(overHttp.length).toBeGreaterThan(0);
    expect(overHttp).toEqual(overWebSockets);
  });

  it('has on Redis the channels of these routes, the command stream and what bridges hear', () => {
    const { commandStream } = parseSettings({ BRIDGE_ASSERTION_SECRET: 'x'.repeat(32) });
    const expected = [
      ...DEFAULT_ROUTES.flatMap((route) => route.channels),
      commandStream,
      new RedisNames('').presenceKeys[0],
      new RedisNames('').control,
      'ws:reply:{name}',
      'ws:bridge:{bridge}',
      'ws:mark:{taggedChannel}',
    ];
    expect(on('redis').map(([, { address }]) => address)).toEqual(expected);
  });

  const withExamples = Object.entries(components.messages).filter(([, { payload }]) => payload !== undefined);
  it.each(withExamples)('has an example of %s that its schema takes', (name, { examples = [] }) => {
    const validate = payloadSchema(name);
    expect(examples).not.toEqual([]);
    for (const { payload } of examples) {
      validate(payload);
      expect(validate.errors ?? []).toEqual([]);
    }
    expect(validate({})).toBe(false);
  });
});

describe('a schema of docs/asyncapi.yaml agrees with the parser on', () => {
  const long = 'x'.repeat(129);
  it.each([
    { type: 'ask' },
    { type: 'ask', data: [null], id: 'c1' },
    { type: '' },
    { type: 'x'.repeat(64) },
    { type: 'x'.repeat(65) },
    { type: 'bridge.x' },
    { type: 'bridge' },
    { type: 7 },
    { type: 'ask', id: '' },
    { type: 'ask', id: long.slice(1) },
    { type: 'ask', id: long },
    { type: 'ask', id: 1 },
    { type: 'ask', more: 1 },
    [],
    'ask',
  ])('the command %j', (message) => {
    expect(payloadSchema('command')(message)).toBe(
      !('fault' in parseCommand(JSON.stringify(message), Infinity)),
    );
  });

  it.each([
    { type: 'bridge.lock', data: { name: 'B7' } },
    { type: 'bridge.lock', data: { name: 'B7', holder: '8a1f' } },
    { type: 'bridge.lock', data: { name: 'B7', holder: '' } },
    { type: 'bridge.lock', data: { name: 'B7', holder: 'a b' } },
    { type: 'bridge.lock', data: { name: 'B7', holder: 7 } },
    { type: 'bridge.lock', data: { name: '' } },
    { type: 'bridge.lock', data: { name: long } },
    { type: 'bridge.lock', data: { name: long.slice(1) } },
    { type: 'bridge.lock', data: { name: 'a\nb' } },
    { type: 'bridge.lock', data: { name: 7 } },
    { type: 'bridge.lock', data: { name: 'B7', more: 1 } },
    { type: 'bridge.lock', data: { name: 'B7' }, id: 'c1' },
    { type: 'bridge.lock', data: [] },
    { type: 'bridge.lock' },
    { type: 'bridge.unlock', data: { name: 'B7' } },
    { type: 'bridge.unlock', data: { name: 'B7', holder: '8a1f' } },
  ])('the message %j', (message) => {
    const parsed = readLockMessage(Buffer.from(JSON.stringify(message)), 128);
    expect(payloadSchema(message.type.slice('bridge.'.length))(message)).toBe(!('fault' in parsed));
  });

  it.each([
    { type: 'revoke', jti: 't1' },
    { type: 'revoke', tenant: 'acme' },
    { type: 'revoke', tenant: 'acme', user: 'u1' },
    { type: 'revoke', user: 'u1' },
    { type: 'revoke', jti: 't1', tenant: 'acme' },
    { type: 'revoke', jti: '' },
    { type: 'revoke', jti: 42 },
    { type: 'revoke', tenant: 7 },
    { type: 'revoke', tenant: 7, user: -42 },
    { type: 'revoke', tenant: 1.5 },
    { type: 'revoke', tenant: 2 ** 53 },
    { type: 'revoke', tenant: null },
    { type: 'revoke', tenant: true },
    { type: 'revoke', tenant: 'acme', user: [7] },
    { type: 'revoke' },
    { type: 'close', jti: 't1' },
    { type: 'revoke', tenant: 'acme', user: 'u1', path: '/ws/bi/dashboards/7' },
    { type: 'revoke', tenant: 'acme', path: '/ws/bi/dashboards/7' },
    { type: 'revoke', tenant: 'acme', path: 'ws' },
    { type: 'revoke', tenant: 'acme', path: '/ws?x' },
    { type: 'revoke', tenant: 'acme', path: 7 },
    { type: 'revoke', jti: 't1', path: '/ws' },
    { type: 'revoke', tenant: 'acme', user: 'u1', except: 't1' },
    { type: 'revoke', tenant: 'acme', user: 7, except: 8 },
    { type: 'revoke', tenant: 'acme', except: 't1' },
    { type: 'revoke', tenant: 'acme', user: 'u1', except: 't1', path: '/ws' },
    { type: 'reauthorize', tenant: 'acme' },
    { type: 'reauthorize', tenant: 7, user: 42, path: '/ws/x' },
    { type: 'reauthorize', jti: 't1' },
    { type: 'reauthorize', tenant: 'acme', user: 'u1', except: 't1' },
    { type: 'reauthorize', user: 'u1' },
    { type: 'list', id: 'q1', reply: 'r1', tenant: 'acme' },
    { type: 'list', id: 'q1', reply: 'r1', tenant: 7, user: 42 },
    { type: 'list', id: 'q1', reply: 'ws:control', tenant: 'acme' },
    { type: 'list', id: 'q1', tenant: 'acme' },
    { type: 'list', id: 'q1', reply: 'r1' },
    { type: 'list', id: '', reply: 'r1', tenant: 'acme' },
    { type: 'list', id: 'q1', reply: 'r1', tenant: 'acme', path: '/ws' },
  ])('the order %j', (message) => {
    const parsed = parseControlMessage(Buffer.from(JSON.stringify(message)));
    const ofKind = (name: string) => payloadSchema(name)(message);
    const [revoke, reauthorize, list] = ['revoke', 'reauthorize', 'list'].map(ofKind);
    expect({ revoke, reauthorize, list }).toEqual({
      list: parsed?.type === 'list',
      revoke: parsed?.type === 'revoke',
      reauthorize: parsed?.type === 'reauthorize',
    });
  });

  it.each([
    { type: 'handover', id: 'h', from: 'b', epoch: 'e', offset: 0, owner: '', channel: 'c' },
    { type: 'handover', id: 'h', from: 'b', epoch: 'e.', offset: 0, owner: '', channel: 'c' },
    { type: 'handover', id: 'h', from: 'b', epoch: 'e', offset: -1, owner: '', channel: 'c' },
    { type: 'handover', id: 'h', from: 'b', epoch: 'e', offset: 0, owner: '' },
    { type: 'handed', id: 'h', count: 0 },
    { type: 'handed', id: 'h', count: 0.5 },
    { type: 'handed', id: '', count: 1 },
    { type: 'oldest', id: 'h', from: 'b', owner: '', channel: 'c' },
    { type: 'oldest', id: 'h', from: 'b', owner: '', channel: 'c', epoch: 'e' },
    { type: 'kept', id: 'h', count: 1, epoch: 'e', end: 2 },
    { type: 'kept', id: 'h', count: 1, epoch: 'e', end: 2, beginning: -1 },
    { type: 'kept', id: 'h', count: 1, epoch: 'e', end: 2, beginning: 0.5 },
    { type: 'kept', id: 'h', count: 1, epoch: 'e' },
    { type: 'refused', id: 'h', reason: 'unknown' },
    { type: 'refused', id: 'h', reason: 'expired' },
    { type: 'refused', id: 'h', reason: 'timeout' },
    { type: 'refused', id: 'h', reason: 'expired', more: 1 },
  ])('what a bridge tells another: %j', (message) => {
    const parsed = parseBridgeMessage(Buffer.from(JSON.stringify(message)));
    expect(payloadSchema(message.type)(message)).toBe(parsed !== undefined);
  });

  it.each([
    { id: 'h' },
    { id: 'h', sender: 'AAECAwQFBgcICQoLDA0ODw==' },
    { id: 'h', sender: 1 },
    { id: '' },
    {},
  ])('the mark %j', (message) => {
    expect(payloadSchema('mark')(message)).toBe(
      parseMarker(Buffer.from(JSON.stringify(message))) !== undefined,
    );
  });
});
