/**
 * The fields that the gatekeeper reads of each of Kong's messages, by their numbers, for errors (pluginsocket.proto, and
 * google/protobuf/struct.proto).
 */
const MESSAGE_FIELDS = {
  RpcCall: { 1: 'sequence', 33: 'cmd_start_instance', 35: 'cmd_close_instance', 36: 'cmd_handle_event' },
  CmdStartInstance: { 1: 'name', 2: 'config' },
  CmdCloseInstance: { 1: 'instance_id' },
  CmdHandleEvent: { 1: 'instance_id' },
  String: { 1: 'v' },
  Number: { 1: 'v' },
  Route: { 1: 'id', 4: 'name', 18: 'service' },
  Service: { 1: 'id' },
  Consumer: { 1: 'id', 3: 'username', 4: 'custom_id', 5: 'tags' },
  Struct: { 1: 'fields' },
  'Struct.FieldsEntry': { 1: 'key', 2: 'value' },
  Value: { 3: 'string_value', 6: 'list_value' },
  ListValue: { 1: 'values' },
} as const satisfies Readonly<Record<string, Readonly<Record<number, string>>>>;

/** One of Kong's messages. */
export type MessageName = keyof typeof MESSAGE_FIELDS;

/** A field in words: `Route.name (field 4)`. */
export function fieldText(message: MessageName, field: number): string {
  const name = (MESSAGE_FIELDS[message] as Readonly<Record<number, string>>)[field];
  return name === undefined ? `field ${field} of ${message}` : `${message}.${name} (field ${field})`;
}
