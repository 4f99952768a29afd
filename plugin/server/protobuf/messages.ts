import type { CountedHeaders, HeaderLists, HeaderSelection } from '../../request/header-selection';
import type { Consumer, Credential } from '../../consumer/consumer';
import type { MatchedRoute, SharedValue } from '../../kong';
import type { FrameWriter } from './frame-writer';
import type { MessageName } from './message-fields';
import { WireReader } from './wire-reader';
import { DELIMITED, FIXED64, tag, VARINT } from './wire-type';

/*
 * The part of Kong's pluginsocket.proto that the gatekeeper speaks, read and written where it lies; field numbers are
 * Kong's. test/plugin/server/protobuf/messages.test.ts holds it to protobufjs.
 */

/** A command of Kong's. */
export type RpcCommand =
  | { readonly name: 'start_instance'; readonly plugin: string; readonly config: Buffer }
  | { readonly name: 'close_instance'; readonly instance: number }
  | { readonly name: 'handle_event'; readonly instance: number };

/** A call of Kong's. */
export interface RpcCall {
  /** The answer repeats it. */
  readonly sequence: number | bigint;
  /** Undefined for one that is not known here. */
  readonly command: RpcCommand | undefined;
}

const SEQUENCE = 1;
/** `string_value`, `struct_value` and `list_value` of a `google.protobuf.Value`. */
const [VALUE_TEXT, VALUE_STRUCT, VALUE_LIST] = [3, 5, 6] as const;
const [INSTANCE_STATUS, CLOSE_INSTANCE] = [33, 35] as const;
const CALL = {
  sequence: tag(SEQUENCE, VARINT),
  startInstance: tag(33, DELIMITED),
  closeInstance: tag(CLOSE_INSTANCE, DELIMITED),
  handleEvent: tag(36, DELIMITED),
} as const;

const ROUTE = { id: tag(1, DELIMITED), name: tag(4, DELIMITED), service: tag(18, DELIMITED) } as const;

/** Reads an RpcCall. @throws ProtocolError when it is none */
export function readRpcCall(frame: Buffer): RpcCall {
  const reader = new WireReader(frame, 'RpcCall');
  let sequence: number | bigint = 0;
  let command: RpcCommand | undefined;
  while (reader.position < frame.length) {
    const field = reader.tag();
    switch (field) {
      case CALL.sequence:
        sequence = reader.uint64();
        break;
      case CALL.startInstance:
        command = readStartInstance(reader);
        break;
      case CALL.closeInstance:
        command = { name: 'close_instance', instance: readInstanceId(reader, 'CmdCloseInstance') };
        break;
      case CALL.handleEvent:
        command = { name: 'handle_event', instance: readInstanceId(reader, 'CmdHandleEvent') };
        break;
      default:
        reader.skip(field);
    }
  }
  return { sequence, command };
}

function readStartInstance(reader: WireReader): RpcCommand {
  const end = reader.enterMessage('CmdStartInstance');
  let plugin = '';
  let config: Buffer = Buffer.alloc(0);
  while (reader.position < end) {
    const field = reader.tag();
    if (field === tag(1, DELIMITED)) plugin = reader.text();
    else if (field === tag(2, DELIMITED)) config = reader.shared();
    else reader.skip(field);
  }
  reader.leave(end, 'RpcCall');
  return { name: 'start_instance', plugin, config };
}

function readInstanceId(reader: WireReader, message: MessageName): number {
  const end = reader.enterMessage(message);
  let id = 0;
  while (reader.position < end) {
    const field = reader.tag();
    if (field === tag(1, VARINT)) id = reader.int32();
    else reader.skip(field);
  }
  reader.leave(end, 'RpcCall');
  return id;
}

/** A call that has an instance closed, as Kong makes it. */
export function writeCloseInstance(out: FrameWriter, id: number): void {
  out.beginFrame();
  out.integer(SEQUENCE, 1);
  out.message(CLOSE_INSTANCE, () => {
    out.integer(1, id);
  });
  out.endFrame();
}

/** The end of a call; `instance` only for a started one. */
export function writeRpcReturn(
  out: FrameWriter,
  sequence: number | bigint,
  instance?: { readonly name: string; readonly id: number },
): void {
  out.beginFrame();
  out.integer(SEQUENCE, sequence);
  if (instance !== undefined) {
    out.message(INSTANCE_STATUS, () => {
      out.text(1, instance.name);
      out.integer(2, instance.id);
    });
  }
  out.endFrame();
}

/** An `Int` argument. */
export function writeInt(out: FrameWriter, v: number): void {
  out.beginFrame();
  out.integer(1, v);
  out.endFrame();
}

/** A `String` argument. */
export function writeString(out: FrameWriter, v: string): void {
  out.beginFrame();
  out.text(1, v);
  out.endFrame();
}

/** A `KV` argument. */
export function writeKeyValue(out: FrameWriter, key: string, value: SharedValue): void {
  out.beginFrame();
  out.text(1, key);
  out.message(2, () => {
    writeValue(out, value);
  });
  out.endFrame();
}

function writeValue(out: FrameWriter, value: SharedValue): void {
  if (typeof value === 'string') {
    out.text(VALUE_TEXT, value);
    return;
  }
  if (!isList(value)) {
    out.message(VALUE_STRUCT, () => {
      writeFields(out, value);
    });
    return;
  }
  out.message(VALUE_LIST, () => {
    for (const item of value) {
      out.message(LIST_VALUES, () => {
        out.text(VALUE_TEXT, item);
      });
    }
  });
}

const LIST_VALUES = 1;

/** `Array.isArray` does not tell read-only lists. */
function isList(value: SharedValue): value is readonly string[] {
  return Array.isArray(value);
}

const CONSUMER = { id: 1, username: 3, customId: 4, tags: 5 } as const;

/** A `ConsumerSpec` argument. */
export function writeConsumerSpec(out: FrameWriter, idOrUsername: string, byUsername: boolean): void {
  out.beginFrame();
  out.text(1, idOrUsername);
  out.integer(2, byUsername ? 1 : 0);
  out.endFrame();
}

/** An `AuthenticateArgs` argument. */
export function writeAuthenticate(
  out: FrameWriter,
  consumer: Consumer,
  credential: Credential | undefined,
): void {
  out.beginFrame();
  out.message(1, () => {
    out.text(CONSUMER.id, consumer.id);
    out.text(CONSUMER.username, consumer.username);
    if (consumer.custom_id) out.text(CONSUMER.customId, consumer.custom_id);
    for (const tag of consumer.tags ?? []) out.text(CONSUMER.tags, tag);
  });
  if (credential !== undefined) {
    out.message(2, () => {
      out.text(1, credential.id);
      out.text(2, credential.consumer_id);
    });
  }
  out.endFrame();
}

/** Reads a `Consumer` result; undefined for an empty frame, which says that there is none. @throws ProtocolError when it is none */
export function readConsumer(frame: Buffer): Consumer | undefined {
  if (frame.length === 0) return undefined;
  const reader = new WireReader(frame, 'Consumer');
  const tags: string[] = [];
  let [id, username, customId] = ['', '', ''];
  while (reader.position < frame.length) {
    const field = reader.tag();
    if (field === tag(CONSUMER.id, DELIMITED)) id = reader.text();
    else if (field === tag(CONSUMER.username, DELIMITED)) username = reader.text();
    else if (field === tag(CONSUMER.customId, DELIMITED)) customId = reader.text();
    else if (field === tag(CONSUMER.tags, DELIMITED)) tags.push(reader.text());
    else reader.skip(field);
  }
  return { id, username, custom_id: customId, tags };
}

type Headers = Readonly<Record<string, string>>;

/** Headers as a `google.protobuf.Struct` argument. */
export function writeHeaders(out: FrameWriter, headers: Headers): void {
  out.beginFrame();
  writeFields(out, headers);
  out.endFrame();
}

/**
 * The same with headers that get no value. Kong sets a header by a list by leaving none of its old lines and adding one for each item,
 * so that one with an empty list is cleared. A header in both is cleared.
 */
export function writeHeaderChanges(out: FrameWriter, set: Headers, clear: readonly string[]): void {
  out.beginFrame();
  for (const name of Object.keys(set)) {
    if (!clear.some((cleared) => isSameHeader(cleared, name)))
      out.entry(STRUCT_FIELDS, name, set[name] ?? '');
  }
  for (const name of clear) {
    out.message(STRUCT_FIELDS, () => {
      out.text(1, name);
      out.message(2, () => {
        writeValue(out, []);
      });
    });
  }
  out.endFrame();
}

function isSameHeader(one: string, other: string): boolean {
  return one.length === other.length && one.toLowerCase() === other.toLowerCase();
}

/** The arguments of `kong.response.exit`. */
export function writeExit(out: FrameWriter, status: number, body: string, headers: Headers): void {
  out.beginFrame();
  out.integer(1, status);
  out.text(2, body);
  out.message(3, () => {
    writeFields(out, headers);
  });
  out.endFrame();
}

const STRUCT_FIELDS = 1;

function writeFields(out: FrameWriter, headers: Headers): void {
  for (const name of Object.keys(headers)) out.entry(STRUCT_FIELDS, name, headers[name] ?? '');
}

/** Reads a `String` result. @throws ProtocolError when it is none */
export function readString(frame: Buffer): string {
  const reader = new WireReader(frame, 'String');
  return readFirstText(reader, frame.length);
}

/** Reads a `Number` result. @throws ProtocolError when it is none */
export function readNumber(frame: Buffer): number {
  const reader = new WireReader(frame, 'Number');
  let number = 0;
  while (reader.position < frame.length) {
    const field = reader.tag();
    if (field === tag(1, FIXED64)) number = reader.double();
    else reader.skip(field);
  }
  return number;
}

/** Reads what is used of a `Route`. @throws ProtocolError when it is none */
export function readRoute(frame: Buffer): MatchedRoute {
  const reader = new WireReader(frame, 'Route');
  let id = '';
  let name = '';
  let service: MatchedRoute['service'];
  while (reader.position < frame.length) {
    const field = reader.tag();
    if (field === ROUTE.id) id = reader.text();
    else if (field === ROUTE.name) name = reader.text();
    else if (field === ROUTE.service) service = readService(reader);
    else reader.skip(field);
  }
  return { id, name, service };
}

function readService(reader: WireReader): { readonly id: string } {
  const end = reader.enterMessage('Service');
  const id = readFirstText(reader, end);
  reader.leave(end, 'Route');
  return { id };
}

function readFirstText(reader: WireReader, end: number): string {
  let text = '';
  while (reader.position < end) {
    const field = reader.tag();
    if (field === tag(1, DELIMITED)) text = reader.text();
    else reader.skip(field);
  }
  return text;
}

/**
 * Reads headers from a `google.protobuf.Struct`.
 * @param selection which; all when undefined
 * @throws ProtocolError when it is none, or one of those is neither text nor a list of texts
 */
export function readHeaders(frame: Buffer, selection?: HeaderSelection): HeaderLists {
  return readCountedHeaders(frame, selection).headers;
}

/** The same, with how many lines all headers are. */
export function readCountedHeaders(frame: Buffer, selection?: HeaderSelection): CountedHeaders {
  const headers = Object.create(null) as HeaderLists;
  const reader = new WireReader(frame, 'Struct');
  let lines = 0;
  while (reader.position < frame.length) {
    const field = reader.tag();
    if (field === tag(STRUCT_FIELDS, DELIMITED)) lines += readEntry(reader, selection, headers);
    else reader.skip(field);
  }
  return { headers, lines };
}

/** @returns how many lines it is, whether or not they are selected */
function readEntry(reader: WireReader, selection: HeaderSelection | undefined, headers: HeaderLists): number {
  const end = reader.enterMessage('Struct.FieldsEntry');
  let keyAt = end;
  let keyEnd = end;
  let valueAt = -1;
  while (reader.position < end) {
    const field = reader.tag();
    if (field === tag(1, DELIMITED)) {
      keyEnd = reader.enter();
      keyAt = reader.position;
      reader.position = keyEnd;
    } else {
      if (field === tag(2, DELIMITED)) valueAt = reader.position;
      reader.skip(field);
    }
  }
  reader.leave(end, 'Struct');
  const { bytes } = reader;
  const name =
    selection === undefined ? bytes.toString('utf8', keyAt, keyEnd) : selection.find(bytes, keyAt, keyEnd);
  if (name === undefined && valueAt === -1) return 0;
  reader.goTo(valueAt === -1 ? end : valueAt, 'Struct.FieldsEntry', tag(2, DELIMITED));
  if (valueAt === -1) throw reader.fault('expected a value, got none');
  const lines = name === undefined ? countLines(reader) : (headers[name] = readValue(reader)).length;
  reader.goTo(end, 'Struct', tag(STRUCT_FIELDS, DELIMITED));
  return lines;
}

/** Those of a value that nobody looks at: no text is made of them. */
function countLines(reader: WireReader): number {
  const end = reader.enterMessage('Value');
  if (reader.position === end || reader.tag() !== VALUE.list) return 1;
  const listEnd = reader.enterMessage('ListValue');
  let lines = 0;
  for (; reader.position < listEnd; lines += 1) reader.skip(reader.tag());
  return lines;
}

const VALUE = { text: tag(VALUE_TEXT, DELIMITED), list: tag(6, DELIMITED) } as const;

function readValue(reader: WireReader): readonly string[] {
  const end = reader.enterMessage('Value');
  let texts: readonly string[] | undefined;
  while (reader.position < end) {
    const field = reader.tag();
    if (field === VALUE.text) texts = [reader.text()];
    else if (field === VALUE.list) texts = readList(reader);
    else reader.skip(field);
  }
  if (texts === undefined) throw reader.fault('expected string_value or list_value, got neither');
  reader.leave(end, 'Struct.FieldsEntry');
  return texts;
}

function readList(reader: WireReader): readonly string[] {
  const end = reader.enterMessage('ListValue');
  const texts: string[] = [];
  while (reader.position < end) {
    const field = reader.tag();
    if (field === tag(1, DELIMITED)) texts.push(readText(reader));
    else reader.skip(field);
  }
  reader.leave(end, 'Value');
  return texts;
}

function readText(reader: WireReader): string {
  const end = reader.enterMessage('Value');
  let text: string | undefined;
  while (reader.position < end) {
    const field = reader.tag();
    if (field === VALUE.text) text = reader.text();
    else reader.skip(field);
  }
  if (text === undefined) throw reader.fault('expected string_value, got none');
  reader.leave(end, 'ListValue');
  return text;
}
