import { Root, type Type } from 'protobufjs';

/**
 * Kong's plugin server protocol (kong/include/kong/pluginsocket.proto), the part that the stand-in speaks.
 * Strings are declared as bytes, which is the same on the wire: Lua does not decode them, and neither does this.
 * A map is declared as what it is on the wire, a repeated entry.
 */
const ROOT = Root.fromJSON({
  nested: {
    CmdStartInstance: message({ name: [1, 'bytes'], config: [2, 'bytes'] }),
    CmdCloseInstance: message({ instance_id: [1, 'int32'] }),
    CmdHandleEvent: message({ instance_id: [1, 'int32'], event_name: [2, 'bytes'] }),
    RpcCall: message({
      sequence: [1, 'int64'],
      cmd_start_instance: [33, 'CmdStartInstance'],
      cmd_close_instance: [35, 'CmdCloseInstance'],
      cmd_handle_event: [36, 'CmdHandleEvent'],
    }),
    InstanceStatus: message({ name: [1, 'bytes'], instance_id: [2, 'int32'] }),
    RpcReturn: message({ sequence: [1, 'int64'], instance_status: [33, 'InstanceStatus'] }),

    Empty: message({}),
    KV: message({ k: [1, 'bytes'], v: [2, 'Value'] }),
    Bool: message({ v: [1, 'bool'] }),
    Int: message({ v: [1, 'int32'] }),
    Number: message({ v: [1, 'double'] }),
    String: message({ v: [1, 'bytes'] }),
    ExitArgs: message({ status: [1, 'int32'], body: [2, 'bytes'], headers: [3, 'Struct'] }),
    ServiceKey: message({ id: [1, 'bytes'] }),
    Route: message({
      id: [1, 'bytes'],
      created_at: [2, 'int64'],
      updated_at: [3, 'int64'],
      name: [4, 'bytes'],
      protocols: [5, 'bytes', 'repeated'],
      methods: [6, 'bytes', 'repeated'],
      hosts: [7, 'bytes', 'repeated'],
      paths: [8, 'bytes', 'repeated'],
      https_redirect_status_code: [10, 'int32'],
      regex_priority: [11, 'int32'],
      strip_path: [12, 'bool'],
      preserve_host: [13, 'bool'],
      tags: [17, 'bytes', 'repeated'],
      service: [18, 'ServiceKey'],
    }),
    Service: message({
      id: [1, 'bytes'],
      created_at: [2, 'int64'],
      updated_at: [3, 'int64'],
      name: [4, 'bytes'],
      retries: [5, 'int32'],
      protocol: [6, 'bytes'],
      host: [7, 'bytes'],
      port: [8, 'int32'],
      path: [9, 'bytes'],
      connect_timeout: [10, 'int32'],
      write_timeout: [11, 'int32'],
      read_timeout: [12, 'int32'],
      tags: [13, 'bytes', 'repeated'],
    }),
    ConsumerSpec: message({ id: [1, 'bytes'], by_username: [2, 'bool'] }),
    Consumer: message({
      id: [1, 'bytes'],
      created_at: [2, 'int64'],
      username: [3, 'bytes'],
      custom_id: [4, 'bytes'],
      tags: [5, 'bytes', 'repeated'],
    }),
    AuthenticatedCredential: message({ id: [1, 'bytes'], consumer_id: [2, 'bytes'] }),
    AuthenticateArgs: message({ consumer: [1, 'Consumer'], credential: [2, 'AuthenticatedCredential'] }),

    Struct: message({ fields: [1, 'FieldsEntry', 'repeated'] }),
    FieldsEntry: message({ key: [1, 'bytes'], value: [2, 'Value'] }),
    ListValue: message({ values: [1, 'Value', 'repeated'] }),
    Value: oneof({
      null_value: [1, 'int32'],
      number_value: [2, 'double'],
      string_value: [3, 'bytes'],
      bool_value: [4, 'bool'],
      struct_value: [5, 'Struct'],
      list_value: [6, 'ListValue'],
    }),
  },
});

// A oneof knows that a zero was meant; outside of one, proto3 does not send it.
function oneof(fields: Readonly<Record<string, FieldSpec>>) {
  return { ...message(fields), oneofs: { kind: { oneof: Object.keys(fields) } } };
}

type FieldSpec = readonly [id: number, type: string, rule?: 'repeated'];

function message(fields: Readonly<Record<string, FieldSpec>>) {
  const entries = Object.entries(fields).map(([name, [id, type, rule]]) => [
    name,
    { id, type, ...(rule !== undefined && { rule }) },
  ]);
  return { fields: Object.fromEntries(entries) as Record<string, { id: number; type: string }> };
}

/** A message, its fields by their names in the proto file. */
export type Fields = Readonly<Record<string, unknown>>;

/** Writes a message; what is undefined, or proto3's default outside a oneof, is left out as lua-protobuf does. */
export function encode(type: string, fields: Fields): Buffer {
  const message = lookUp(type);
  return Buffer.from(message.encode(message.fromObject(fields)).finish());
}

/**
 * Reads a message; a field that was not sent is absent.
 * @throws Error when the bytes are not such a message
 */
export function decode(type: string, bytes: Uint8Array): Fields {
  return lookUp(type).toObject(lookUp(type).decode(bytes), { longs: Number, arrays: true });
}

function lookUp(type: string): Type {
  return ROOT.lookupType(type);
}
