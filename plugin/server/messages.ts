import { common, Root, type Type } from 'protobufjs';
import { ProtocolError } from './frame';

/** The part of Kong's pluginsocket.proto that the gatekeeper speaks; field numbers are Kong's. */
const root = Root.fromJSON({
  nested: {
    ...common.get('google/protobuf/struct.proto')?.nested,
    kong_plugin_protocol: {
      nested: {
        CmdStartInstance: { fields: { name: { type: 'string', id: 1 }, config: { type: 'bytes', id: 2 } } },
        CmdCloseInstance: { fields: { instance_id: { type: 'int32', id: 1 } } },
        CmdHandleEvent: {
          fields: { instance_id: { type: 'int32', id: 1 }, event_name: { type: 'string', id: 2 } },
        },
        RpcCall: {
          fields: {
            sequence: { type: 'int64', id: 1 },
            cmd_start_instance: { type: 'CmdStartInstance', id: 33 },
            cmd_close_instance: { type: 'CmdCloseInstance', id: 35 },
            cmd_handle_event: { type: 'CmdHandleEvent', id: 36 },
          },
        },
        InstanceStatus: {
          fields: { name: { type: 'string', id: 1 }, instance_id: { type: 'int32', id: 2 } },
        },
        RpcReturn: {
          fields: {
            sequence: { type: 'int64', id: 1 },
            instance_status: { type: 'InstanceStatus', id: 33 },
          },
        },
        Int: { fields: { v: { type: 'int32', id: 1 } } },
        String: { fields: { v: { type: 'string', id: 1 } } },
        Route: { fields: { id: { type: 'string', id: 1 } } },
        ExitArgs: {
          fields: {
            status: { type: 'int32', id: 1 },
            body: { type: 'bytes', id: 2 },
            headers: { type: 'google.protobuf.Struct', id: 3 },
          },
        },
      },
    },
  },
});

const lookup = (name: string): Type => root.lookupType(`kong_plugin_protocol.${name}`);
const rpcCall = lookup('RpcCall');
const rpcReturn = lookup('RpcReturn');
const intMessage = lookup('Int');
const stringMessage = lookup('String');
const routeMessage = lookup('Route');
const exitArgs = lookup('ExitArgs');
const structMessage = root.lookupType('google.protobuf.Struct');

type Sequence = number | { toString(): string };

/** What Kong asks for. */
export interface RpcCall {
  readonly sequence: Sequence;
  readonly cmd_start_instance?: { readonly name: string; readonly config: Uint8Array } | null;
  readonly cmd_close_instance?: { readonly instance_id: number } | null;
  readonly cmd_handle_event?: { readonly instance_id: number; readonly event_name: string } | null;
}

/** Reads an RpcCall. @throws ProtocolError when it is none */
export function decodeRpcCall(frame: Uint8Array): RpcCall {
  try {
    return rpcCall.decode(frame) as unknown as RpcCall;
  } catch {
    throw new ProtocolError('expected an RpcCall');
  }
}

/** The end of a call; `instance` only for a started one. */
export function encodeRpcReturn(
  sequence: Sequence,
  instance?: { readonly name: string; readonly id: number },
): Uint8Array {
  const status = instance && { name: instance.name, instance_id: instance.id };
  return rpcReturn.encode({ sequence, ...(status && { instance_status: status }) }).finish();
}

/** Encodes an `Int` argument. */
export function encodeInt(v: number): Uint8Array {
  return intMessage.encode({ v }).finish();
}

/** Encodes a `String` argument. */
export function encodeString(v: string): Uint8Array {
  return stringMessage.encode({ v }).finish();
}

/** Reads a `String` result. @throws ProtocolError when it is none */
export function decodeString(frame: Uint8Array): string {
  return decoded(stringMessage, frame)['v'] as string;
}

/** Reads what is used of a `Route`. @throws ProtocolError when it is none */
export function decodeRoute(frame: Uint8Array): { readonly id: string } {
  return { id: decoded(routeMessage, frame)['id'] as string };
}

function decoded(type: Type, frame: Uint8Array): Record<string, unknown> {
  try {
    return type.decode(frame);
  } catch {
    throw new ProtocolError(`expected a ${type.name}`);
  }
}

type Headers = Readonly<Record<string, string>>;

const structOf = (headers: Headers) => ({
  fields: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, { stringValue: value }])),
});

/** Encodes headers as a `google.protobuf.Struct` argument. */
export function encodeHeaders(headers: Headers): Uint8Array {
  return structMessage.encode(structOf(headers)).finish();
}

/** Encodes the arguments of `kong.response.exit`. */
export function encodeExit(status: number, body: string, headers: Headers): Uint8Array {
  return exitArgs.encode({ status, body: Buffer.from(body, 'utf8'), headers: structOf(headers) }).finish();
}

/** As protobufjs decodes it: what was not sent is a default that the message does not own. */
interface Value {
  readonly stringValue: string;
  readonly listValue: { readonly values: readonly Value[] };
}

/**
 * Reads headers from a `google.protobuf.Struct`: text, or a list of texts where a header was repeated.
 * @throws ProtocolError when it is anything else
 */
export function decodeHeaders(frame: Uint8Array): Record<string, string | readonly string[]> {
  const headers = Object.create(null) as Record<string, string | readonly string[]>;
  for (const [name, value] of Object.entries(decodeStruct(frame).fields)) {
    headers[name] = Object.hasOwn(value, 'listValue') ? value.listValue.values.map(textOf) : textOf(value);
  }
  return headers;
}

function decodeStruct(frame: Uint8Array): { readonly fields: Readonly<Record<string, Value>> } {
  try {
    return structMessage.decode(frame) as unknown as { readonly fields: Readonly<Record<string, Value>> };
  } catch {
    throw new ProtocolError('expected a google.protobuf.Struct of headers');
  }
}

function textOf(value: Value): string {
  if (!Object.hasOwn(value, 'stringValue')) throw new ProtocolError('expected text in a header');
  return value.stringValue;
}
