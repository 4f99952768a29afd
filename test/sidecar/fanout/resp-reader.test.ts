import { EventEmitter } from 'node:events';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { RespReader, tapMessages } from '../../../sidecar/fanout/resp-reader';

type Read = readonly ['message', channel: string, payload: string] | readonly ['others', bytes: string];

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const message = (channel: string, payload: string, head = '>3\r\n$7\r\nmessage\r\n'): string =>
  head + bulk(channel) + bulk(payload);

function readAll(chunks: readonly Buffer[]): Read[] {
  const got: Read[] = [];
  const reader = new RespReader({
    message: (channel, payload) => got.push(['message', channel, payload.toString()]),
    others: (bytes) => {
      const [last, before] = [got.at(-1), bytes.toString()];
      if (last?.[0] === 'others') got[got.length - 1] = ['others', last[1] + before];
      else got.push(['others', before]);
    },
  });
  for (const chunk of chunks) reader.read(chunk);
  return got;
}

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('\r\n', 'a\r\n$3\r\n', message('x', 'y'), 'z'.repeat(70_000)),
);
const line = fc.string({ unit: fc.constantFrom('a', 'b', ':', '$', '*', '>', '1') });
const reply = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    text.map(bulk),
    line.map((each) => `+${each}\r\n`),
    line.map((each) => `-ERR ${each}\r\n`),
    fc.integer().map((each) => `:${each}\r\n`),
    fc.constantFrom('$-1\r\n', '*-1\r\n', '_\r\n', '#t\r\n', ',1.5\r\n', '*0\r\n', '=7\r\ntxt:abc\r\n'),
    fc.array(tie('any'), { maxLength: 4 }).map((each) => `*${each.length}\r\n${each.join('')}`),
    fc.array(tie('any'), { maxLength: 4 }).map((each) => `~${each.length}\r\n${each.join('')}`),
    fc
      .array(tie('any'), { maxLength: 3 })
      .map((each) => `%${each.length}\r\n${each.map((value) => bulk('key') + value).join('')}`),
  ),
})).any;
const confirmation = fc.tuple(text, fc.nat()).map(([channel, count]) => {
  return `>3\r\n${bulk('subscribe')}${bulk(channel)}:${count}\r\n`;
});
const HEADS = ['*3\r\n$7\r\nmessage\r\n', '>3\r\n$7\r\nmessage\r\n', '>3\r\n$8\r\nsmessage\r\n'];
const sent = fc.oneof(
  fc
    .record({ channel: text, payload: text, head: fc.constantFrom(...HEADS) })
    .map((each) => ({ ...each, wire: message(each.channel, each.payload, each.head) })),
  fc.oneof(reply, confirmation).map((wire) => ({ wire })),
);

describe('a reader of what a subscribed connection gets', () => {
  it('hands on each message and all other bytes, in order, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(sent, { maxLength: 12 }), fc.array(fc.nat({ max: 2000 })), (items, cuts) => {
        const expected: Read[] = [];
        for (const item of items) {
          const last = expected.at(-1);
          if ('channel' in item) expected.push(['message', item.channel, item.payload]);
          else if (last?.[0] === 'others') expected[expected.length - 1] = ['others', last[1] + item.wire];
          else expected.push(['others', item.wire]);
        }
        let rest = Buffer.from(items.map(({ wire }) => wire).join(''));
        const chunks: Buffer[] = [];
        for (const cut of cuts) {
          chunks.push(rest.subarray(0, cut));
          rest = rest.subarray(cut);
        }
        expect(readAll([...chunks, rest])).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('reads what comes byte by byte', () => {
    const bytes = Buffer.from(`+OK\r\n${message('chánnel', 'päyload')}*-1\r\n${message('', '')}`);
    expect(readAll([...bytes].map((byte) => Buffer.of(byte)))).toEqual([
      ['others', '+OK\r\n'],
      ['message', 'chánnel', 'päyload'],
      ['others', '*-1\r\n'],
      ['message', '', ''],
    ]);
  });

  it.each([
    ['an array', (each: string) => `*2\r\n${each}:1\r\n`],
    ['a set', (each: string) => `~2\r\n:1\r\n${each}`],
    ['a map', (each: string) => `%1\r\n${bulk('key')}${each}`],
    ['what an attribute goes before', (each: string) => `|1\r\n${bulk('key')}:1\r\n*1\r\n${each}`],
    ['an array behind an empty text', (each: string) => `*2\r\n${bulk('')}${each}`],
    [
      'what an attribute of two goes before',
      (each: string) => `|2\r\n${bulk('a')}:1\r\n${bulk('b')}:2\r\n*1\r\n${each}`,
    ],
    ['a map of two', (each: string) => `%2\r\n${bulk('a')}:1\r\n${bulk('b')}${each}`],
    ['an array behind null', (each: string) => `*2\r\n$-1\r\n${each}`],
    ['a text', bulk],
  ])('takes no message out of %s, and hands all of it on at once', (_, around) => {
    const reply = around(message('c', 'no message'));
    const others: string[] = [];
    const reader = new RespReader({
      message: (channel) => others.push(`a message of ${channel}`),
      others: (bytes) => others.push(bytes.toString()),
    });
    reader.read(Buffer.from(reply.slice(0, -3)));
    expect(others).toEqual([]);
    reader.read(Buffer.from(`${reply.slice(-3)}$-1\r\n`));
    expect(others).toEqual([`${reply}$-1\r\n`]);
  });

  it.each(['~', '%', '|', ':', '+', '$'])('takes nothing for a message that begins with %j', (first) => {
    const looksLikeOne = message('c', 'p', `${first}3\r\n$7\r\nmessage\r\n`);
    expect(readAll([Buffer.from(looksLikeOne)]).every(([kind]) => kind === 'others')).toBe(true);
  });

  it('looks once at a large message behind another, however near its end it is cut', () => {
    const before = message('c', 'y'.repeat(50_000));
    const bytes = Buffer.from(before + message('c', 'z'.repeat(100_000)));
    const read: number[] = [];
    const reader = new RespReader({
      message: (_, payload) => read.push(payload.length),
      others: () => undefined,
    });
    const concat = jest.spyOn(Buffer, 'concat');
    const cuts = [0, 60_000, 110_000, bytes.length - 3, bytes.length - 2, bytes.length - 1, bytes.length];
    for (const [index, cut] of cuts.slice(1).entries()) reader.read(bytes.subarray(cuts[index], cut));
    expect(read).toEqual([50_000, 100_000]);
    expect(concat).toHaveBeenCalledTimes(1);
    concat.mockRestore();
  });

  it('waits for all of a large message without looking at each piece of it', () => {
    const bytes = Buffer.from(message('c', 'z'.repeat(100_000)));
    const read: Buffer[] = [];
    const reader = new RespReader({ message: (_, payload) => read.push(payload), others: () => undefined });
    const concat = jest.spyOn(Buffer, 'concat');
    for (let at = 0; at < bytes.length; at += 1000) reader.read(bytes.subarray(at, at + 1000));
    expect(read).toHaveLength(1);
    expect(concat).toHaveBeenCalledTimes(1);
    concat.mockRestore();
  });

  it('keeps bytes that are not UTF-8 as they came', () => {
    const payload = Buffer.of(0xff, 0x00, 0xc3, 0x28);
    let got: Buffer | undefined;
    const reader = new RespReader({
      message: (_, bytes) => (got = bytes),
      others: () => undefined,
    });
    reader.read(
      Buffer.concat([Buffer.from('>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\n'), payload, Buffer.from('\r\n')]),
    );
    expect(got?.equals(payload)).toBe(true);
  });
});

describe('a tap on a connection', () => {
  it('leaves all that is no message to who listened before, and calls who listens once only once', () => {
    const stream = new EventEmitter();
    const redis = Object.assign(new EventEmitter(), { stream });
    const [messages, always, once]: [string[], string[], string[]] = [[], [], []];
    tapMessages(redis as unknown as Redis, (_, payload) => messages.push(payload.toString()));
    stream.on('data', (bytes: Buffer) => always.push(bytes.toString()));
    stream.once('data', (bytes: Buffer) => once.push(bytes.toString()));
    redis.emit('connect');
    for (const chunk of ['+OK\r\n', message('c', 'hello'), '+PONG\r\n']) {
      stream.emit('data', Buffer.from(chunk));
    }
    expect({ messages, always, once }).toEqual({
      messages: ['hello'],
      always: ['+OK\r\n', '+PONG\r\n'],
      once: ['+OK\r\n'],
    });
  });
});
