import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { common, Root } from 'protobufjs';
import { HeaderSelection } from '../../../../plugin/request/header-selection';
import { LENGTH_BYTES, ProtocolError } from '../../../../plugin/server/protobuf/frame';
import { FrameWriter } from '../../../../plugin/server/protobuf/frame-writer';
import {
  readConsumer,
  readCountedHeaders,
  readHeaders,
  readNumber,
  readRoute,
  readRpcCall,
  readString,
  writeAuthenticate,
  writeConsumerSpec,
  writeExit,
  writeHeaderChanges,
  writeHeaders,
  writeInt,
  writeKeyValue,
  writeRpcReturn,
  writeString,
} from '../../../../plugin/server/protobuf/messages';

const INSTANCE = { instance_id: { type: 'int32', id: 1 } };
const root = Root.fromJSON({
  nested: {
    ...common.get('google/protobuf/struct.proto')?.nested,
    CmdStartInstance: { fields: { name: { type: 'string', id: 1 }, config: { type: 'bytes', id: 2 } } },
    CmdCloseInstance: { fields: INSTANCE },
    CmdHandleEvent: { fields: { ...INSTANCE, event_name: { type: 'string', id: 2 } } },
    RpcCall: {
      fields: {
        sequence: { type: 'int64', id: 1 },
        cmd_start_instance: { type: 'CmdStartInstance', id: 33 },
        cmd_close_instance: { type: 'CmdCloseInstance', id: 35 },
        cmd_handle_event: { type: 'CmdHandleEvent', id: 36 },
      },
    },
    InstanceStatus: { fields: { name: { type: 'string', id: 1 }, instance_id: { type: 'int32', id: 2 } } },
    RpcReturn: {
      fields: { sequence: { type: 'int64', id: 1 }, instance_status: { type: 'InstanceStatus', id: 33 } },
    },
    Int: { fields: { v: { type: 'int32', id: 1 } } },
    Number: { fields: { v: { type: 'double', id: 1 } } },
    String: { fields: { v: { type: 'string', id: 1 } } },
    Key: { fields: { id: { type: 'string', id: 1 } } },
    Route: {
      fields: {
        id: { type: 'string', id: 1 },
        name: { type: 'string', id: 4 },
        service: { type: 'Key', id: 18 },
      },
    },
    KV: {
      fields: { k: { type: 'string', id: 1 }, v: { type: 'google.protobuf.Value', id: 2 } },
    },
    ConsumerSpec: { fields: { id: { type: 'string', id: 1 }, by_username: { type: 'bool', id: 2 } } },
    Consumer: {
      fields: {
        id: { type: 'string', id: 1 },
        created_at: { type: 'int64', id: 2 },
        username: { type: 'string', id: 3 },
        custom_id: { type: 'string', id: 4 },
        tags: { type: 'string', id: 5, rule: 'repeated' },
      },
    },
    Credential: { fields: { id: { type: 'string', id: 1 }, consumer_id: { type: 'string', id: 2 } } },
    AuthenticateArgs: {
      fields: { consumer: { type: 'Consumer', id: 1 }, credential: { type: 'Credential', id: 2 } },
    },
    ExitArgs: {
      fields: {
        status: { type: 'int32', id: 1 },
        body: { type: 'bytes', id: 2 },
        headers: { type: 'google.protobuf.Struct', id: 3 },
      },
    },
  },
});

/** As protobufjs encodes it. */
function encoded(type: string, message: Record<string, unknown>): Buffer {
  return Buffer.from(root.lookupType(type).encode(message).finish());
}

/** The message as protobufjs reads it, with the default of each field that was not sent. */
function decoded(type: string, bytes: Buffer): Record<string, unknown> {
  const message = root.lookupType(type).decode(bytes);
  return root.lookupType(type).toObject(message, { defaults: true, longs: String, bytes: String });
}
/** A message as protobufjs reads what it has written itself. */
const reread = (type: string, message: Record<string, unknown>) => decoded(type, encoded(type, message));

const out = new FrameWriter();
/** The bytes that are written, as one frame without its length. */
function written(write: (out: FrameWriter) => void): Buffer {
  write(out);
  const bytes = out.take();
  expect(bytes.readUInt32LE()).toBe(bytes.length - LENGTH_BYTES);
  return bytes.subarray(LENGTH_BYTES);
}

// Around the lengths at which a length takes another byte, and at which text is written another way.
const long = fc.constantFrom(48, 49, 126, 127, 128, 16_370, 16_383, 16_384, 70_000);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 100 }),
  fc.tuple(fc.constantFrom('x', 'é', '€'), long).map(([character, length]) => character.repeat(length)),
);
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const headers = fc.dictionary(fc.string({ unit: 'binary' }), text);
const structOf = (fields: Readonly<Record<string, string | readonly string[]>>) => ({
  fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, valueOf(value)])),
});
const valueOf = (value: string | readonly string[]): object =>
  typeof value === 'string' ? { stringValue: value } : { listValue: { values: value.map(valueOf) } };

describe('what is written protobufjs reads:', () => {
  it('Int and String', () => {
    fc.assert(
      fc.property(int32, text, (number, v) => {
        expect(
          decoded(
            'Int',
            written((frames) => {
              writeInt(frames, number);
            }),
          ),
        ).toEqual({ v: number });
        expect(
          decoded(
            'String',
            written((frames) => {
              writeString(frames, v);
            }),
          ),
        ).toEqual({ v });
      }),
    );
  });

  it('RpcReturn', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), text, fc.nat(2 ** 31 - 1), (sequence, name, id) => {
        const status = { name, instance_id: id };
        const plain = written((frames) => {
          writeRpcReturn(frames, sequence);
        });
        expect(decoded('RpcReturn', plain)).toEqual(reread('RpcReturn', { sequence }));
        const started = written((frames) => {
          writeRpcReturn(frames, sequence, { name, id });
        });
        expect(decoded('RpcReturn', started)).toEqual(
          reread('RpcReturn', { sequence, instance_status: status }),
        );
      }),
    );
  });

  it('a key with a text, a list of texts or texts by name', () => {
    const record = headers.map((fields) => [fields, { structValue: structOf(fields) }] as const);
    const other = fc.oneof(text, fc.array(text)).map((value) => [value, valueOf(value)] as const);
    fc.assert(
      fc.property(text, fc.oneof(other, record), (key, [value, message]) => {
        const pair = written((frames) => {
          writeKeyValue(frames, key, value);
        });
        expect(decoded('KV', pair)).toEqual(reread('KV', { k: key, v: message }));
      }),
    );
  });

  it('a consumer that is asked for, or authenticated', () => {
    fc.assert(
      fc.property(text, fc.boolean(), text, fc.array(text), (id, isName, name, tags) => {
        const spec = written((frames) => {
          writeConsumerSpec(frames, id, isName);
        });
        expect(decoded('ConsumerSpec', spec)).toEqual(reread('ConsumerSpec', { id, by_username: isName }));
        const consumer = { id, username: name, custom_id: name, tags };
        const credential = { id: name, consumer_id: id };
        const args = written((frames) => {
          writeAuthenticate(frames, consumer, credential);
        });
        expect(decoded('AuthenticateArgs', args)).toEqual(
          reread('AuthenticateArgs', { consumer, credential }),
        );
        const alone = written((frames) => {
          writeAuthenticate(frames, { id, username: name }, undefined);
        });
        expect(decoded('AuthenticateArgs', alone)).toEqual(
          reread('AuthenticateArgs', { consumer: { id, username: name } }),
        );
      }),
    );
  });

  it('headers, and those that are cleared by a list of no values, also when they are set', () => {
    fc.assert(
      fc.property(headers, fc.array(text), (fields, others) => {
        const [first] = Object.keys(fields);
        const cleared = first === undefined ? others : [...others, first.toUpperCase()];
        const names = new Set(cleared.map((name) => name.toLowerCase()));
        const set = Object.entries(fields).filter(([name]) => !names.has(name.toLowerCase()));
        const changes = written((frames) => {
          writeHeaderChanges(frames, fields, cleared);
        });
        expect(decoded('google.protobuf.Struct', changes)).toEqual(
          reread('google.protobuf.Struct', {
            fields: {
              ...structOf(Object.fromEntries(set)).fields,
              ...Object.fromEntries(cleared.map((name) => [name, { listValue: { values: [] } }])),
            },
          }),
        );
      }),
    );
  });

  it('headers, and the arguments of exit', () => {
    fc.assert(
      fc.property(headers, fc.integer({ min: 200, max: 599 }), text, (fields, status, body) => {
        const args = { status, body: Buffer.from(body), headers: structOf(fields) };
        const struct = written((frames) => {
          writeHeaders(frames, fields);
        });
        expect(struct.equals(encoded('google.protobuf.Struct', structOf(fields)))).toBe(true);
        const exit = written((frames) => {
          writeExit(frames, status, body, fields);
        });
        expect(decoded('ExitArgs', exit)).toEqual(reread('ExitArgs', args));
      }),
    );
  });
});

describe('what protobufjs writes is read:', () => {
  it('RpcCall', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), int32, text, fc.uint8Array(), (sequence, instance, name, config) => {
        const call = (command: object) => readRpcCall(encoded('RpcCall', { sequence, ...command }));
        const event = { instance_id: instance, event_name: 'access' };
        expect(call({ cmd_handle_event: event })).toEqual({
          sequence,
          command: { name: 'handle_event', instance },
        });
        expect(call({ cmd_close_instance: { instance_id: instance } })).toEqual({
          sequence,
          command: { name: 'close_instance', instance },
        });
        expect(call({ cmd_start_instance: { name, config } })).toEqual({
          sequence,
          command: { name: 'start_instance', plugin: name, config: Buffer.from(config) },
        });
        expect(call({})).toEqual({ sequence, command: undefined });
      }),
    );
  });

  it('a sequence of 64 bits, which the answer repeats', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (long) => {
        const sequence = root.lookupType('RpcCall').fromObject({ sequence: String(long) });
        const frame = Buffer.from(root.lookupType('RpcCall').encode(sequence).finish());
        const answer = written((frames) => {
          writeRpcReturn(frames, readRpcCall(frame).sequence);
        });
        expect(decoded('RpcReturn', answer)['sequence']).toBe(String(long));
      }),
    );
  });

  it('String and Route', () => {
    fc.assert(
      fc.property(text, text, (v, name) => {
        expect(readString(encoded('String', { v }))).toBe(v);
        expect(readRoute(encoded('Route', { id: v, name, service: { id: name } }))).toEqual({
          id: v,
          name,
          service: { id: name },
        });
      }),
    );
  });

  it('Consumer, and nothing for none', () => {
    expect(readConsumer(Buffer.alloc(0))).toBeUndefined();
    fc.assert(
      fc.property(text, text, fc.array(text), (id, name, tags) => {
        const consumer = { id, username: name, custom_id: name, tags };
        expect(readConsumer(encoded('Consumer', { ...consumer, created_at: 7 }))).toEqual(consumer);
      }),
    );
  });

  it('Number', () => {
    fc.assert(
      fc.property(fc.double(), (v) => {
        expect(readNumber(encoded('Number', { v }))).toBe(v);
      }),
    );
  });

  it('headers, all or selected ones, repeated ones as lists', () => {
    const name = fc.constantFrom('cookie', 'Cookie', 'origin', 'accept', 'upgrade', 'sec-websocket-key');
    const some = fc.dictionary(fc.oneof(name, fc.string()), fc.oneof(text, fc.array(text)));
    fc.assert(
      fc.property(some, fc.uniqueArray(name), (fields, names) => {
        const frame = encoded('google.protobuf.Struct', structOf(fields));
        const lists = Object.entries(fields).map(([key, value]) => [key, [value].flat()] as const);
        expect({ ...readHeaders(frame) }).toEqual(Object.fromEntries(lists));
        const lowerCase = names.map((selected) => selected.toLowerCase());
        const expected = lists
          .map(([key, value]) => [key.toLowerCase(), value] as const)
          .filter(([key]) => lowerCase.includes(key));
        const counted = readCountedHeaders(frame, new HeaderSelection(lowerCase));
        expect({ ...counted.headers }).toEqual(Object.fromEntries(expected));
        expect(counted.lines).toBe(lists.flatMap(([, values]) => values).length);
      }),
    );
  });
});

describe('what is no message', () => {
  const frames = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .tuple(headers, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
      .map(([fields, changes]) => {
        const bytes = encoded('google.protobuf.Struct', structOf(fields));
        for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
        return bytes;
      }),
  );

  it.each<[string, (frame: Buffer) => unknown]>([
    ['a call', readRpcCall],
    ['headers', readHeaders],
    ['selected headers', (frame) => readHeaders(frame, new HeaderSelection(['a', '']))],
    ['a text', readString],
    ['a number', readNumber],
    ['a consumer', readConsumer],
  ])('is refused as %s with ProtocolError, or read as far as it goes', (_, read) => {
    fc.assert(
      fc.property(frames, (bytes) => {
        try {
          read(Buffer.from(bytes));
        } catch (cause) {
          expect(cause).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['a number', { numberValue: 1 }],
    ['nothing', {}],
    ['a list of lists', { listValue: { values: [{ listValue: { values: [] } }] } }],
  ])('%s for a header is refused, unless nobody looks at it', (_, value) => {
    const frame = encoded('google.protobuf.Struct', { fields: { cookie: value } });
    expect(() => readHeaders(frame)).toThrow(ProtocolError);
    expect(() => readHeaders(frame, new HeaderSelection(['cookie']))).toThrow(ProtocolError);
    expect({ ...readHeaders(frame, new HeaderSelection(['origin'])) }).toEqual({});
  });

  it.each([
    ['an entry', '0a060a016112031a0178', readHeaders],
    ['a value', '0a090a016112021a020801', readHeaders],
    ['a start', '8a02030a026162', readRpcCall],
    ['an instance', 'a202020895011a0161', readRpcCall],
  ])('%s that runs over its end is refused', (_, hex, read) => {
    expect(() => read(Buffer.from(hex, 'hex'))).toThrow(ProtocolError);
  });

  it.each<[string, (frame: Buffer) => unknown, string]>([
    ['0a', readString, 'String.v (field 1), byte 1: expected 1 more byte, got 0'],
    ['08', readRpcCall, 'RpcCall.sequence (field 1), byte 1: expected 1 more byte, got 0'],
    ['80', readRpcCall, 'RpcCall, byte 1: expected 1 more byte, got 0'],
    [
      `08${'ff'.repeat(10)}`,
      readRpcCall,
      'RpcCall.sequence (field 1), byte 11: expected a varint of at most 64 bits, got more',
    ],
    ['ffffffffff01', readRpcCall, 'RpcCall, byte 5: expected a varint of at most 32 bits, got more'],
    [
      '8a02050a026162',
      readRpcCall,
      'RpcCall.cmd_start_instance (field 33), byte 3: expected 5 more bytes, got 4',
    ],
    [
      '8a020212056162',
      readRpcCall,
      'CmdStartInstance.config (field 2), byte 5: expected 5 more bytes, got 2',
    ],
    [
      '8a02030a0261626364',
      readRpcCall,
      'CmdStartInstance.name (field 1), byte 7: expected CmdStartInstance to end at byte 6',
    ],
    [
      '9a02030880',
      readRpcCall,
      'RpcCall.cmd_close_instance (field 35), byte 3: expected 3 more bytes, got 2',
    ],
    ['a2020208ff', readRpcCall, 'CmdHandleEvent.instance_id (field 1), byte 5: expected 1 more byte, got 0'],
    // A byte behind a message in a field is the outer one's again.
    ['080180', readRpcCall, 'RpcCall, byte 3: expected 1 more byte, got 0'],
    ['8a02020a0008', readRpcCall, 'RpcCall.sequence (field 1), byte 6: expected 1 more byte, got 0'],
    ['a20202080108', readRpcCall, 'RpcCall.sequence (field 1), byte 6: expected 1 more byte, got 0'],
    ['9201020a000a', readRoute, 'Route.id (field 1), byte 6: expected 1 more byte, got 0'],
    ['0a080a016112031a01620a', readHeaders, 'Struct.fields (field 1), byte 11: expected 1 more byte, got 0'],
    [
      '0a080a0161120332001a',
      readHeaders,
      'Value.string_value (field 3), byte 10: expected 1 more byte, got 0',
    ],
    [
      '0a0d0a0161120832060a031a01620a',
      readHeaders,
      'ListValue.values (field 1), byte 15: expected 1 more byte, got 0',
    ],
    ['13', readRpcCall, 'field 2 of RpcCall, byte 1: expected wire type 0, 1, 2 or 5, got 3'],
    ['15000000', readRpcCall, 'field 2 of RpcCall, byte 1: expected 4 more bytes, got 3'],
    ['0900000000', readNumber, 'Number.v (field 1), byte 1: expected 8 more bytes, got 4'],
    ['0a0161220562', readRoute, 'Route.name (field 4), byte 5: expected 5 more bytes, got 1'],
    ['9201030a0462', readRoute, 'Service.id (field 1), byte 5: expected 4 more bytes, got 1'],
    ['9201020a0162', readRoute, 'Service.id (field 1), byte 6: expected Service to end at byte 5'],
    ['0a030a0161', readHeaders, 'Struct.FieldsEntry.value (field 2), byte 5: expected a value, got none'],
    [
      '0a0e0a016112091100000000000000f03f',
      readHeaders,
      'field 2 of Value, byte 16: expected string_value or list_value, got neither',
    ],
    ['0a050a01611200', readHeaders, 'Value, byte 7: expected string_value or list_value, got neither'],
    ['0a090a0161120432020a00', readHeaders, 'Value, byte 11: expected string_value, got none'],
    [
      '0a090a016112041a05787a',
      readHeaders,
      'Value.string_value (field 3), byte 9: expected 5 more bytes, got 2',
    ],
  ])('%s is refused with the message, the field and the byte', (hex, read, message) => {
    expect(() => read(Buffer.from(hex, 'hex'))).toThrow(new ProtocolError(message));
  });

  it('bytes that are no UTF-8 spoil only the header that has them', () => {
    const frame = encoded('google.protobuf.Struct', structOf({ 'user-agent': 'caf_', origin: 'x' }));
    frame[frame.indexOf('_')] = 0xe9;
    expect({ ...readHeaders(frame) }).toEqual({ 'user-agent': ['caf\ufffd'], origin: ['x'] });
  });
});

describe('frames that are taken', () => {
  it('stay as they are when more is written, across slabs', () => {
    const texts = Array.from({ length: 300 }, (_, i) => String(i).repeat(300));
    const taken = texts.map((v) =>
      written((frames) => {
        writeString(frames, v);
      }),
    );
    expect(taken.map((frame) => readString(frame))).toEqual(texts);
  });

  it('do not hold what was discarded', () => {
    writeInt(out, 1);
    out.discard();
    expect(
      written((frames) => {
        writeInt(frames, 2);
      }),
    ).toEqual(encoded('Int', { v: 2 }));
  });
});
