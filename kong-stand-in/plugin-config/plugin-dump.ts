import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { DeclarationError } from '../declarative/entities';
import { schemaFault, type FieldSchema } from './field-schema';
import { withRequiredRecords } from './required-records';

/** A plugin as its server describes it. */
export interface PluginInfo {
  readonly name: string;
  readonly version: string | undefined;
  readonly priority: number;
  readonly phases: readonly string[];
  readonly protocol: 'ProtoBuf:1' | 'MsgPack:1';
  /** The schema of the plugin entity's `protocols`. */
  readonly protocols: FieldSchema;
  /** The schema of `config`. */
  readonly config: FieldSchema;
}

const pluginSchema = z.looseObject({
  Name: z.string().min(1),
  Version: z.string().optional(),
  Priority: z.number(),
  Phases: z.array(z.string()),
  Schema: z.looseObject({ fields: z.array(z.record(z.string(), z.unknown())) }),
});

/** Kong's own for a plugin that says nothing of them (kong/db/schema/typedefs.lua `protocols`). */
const ANY_PROTOCOLS: FieldSchema = {
  type: 'set',
  required: true,
  default: ['grpc', 'grpcs', 'http', 'https'],
  elements: {
    type: 'string',
    one_of: ['grpc', 'grpcs', 'http', 'https', 'tcp', 'tls', 'udp', 'tls_passthrough'],
  },
};

/**
 * Asks for the plugin as Kong asks with `pluginserver_X_query_cmd`: runs the shell command, reads its output.
 * @throws DeclarationError when the command fails or its output is not a dump
 */
export async function queryPlugin(command: string): Promise<PluginInfo> {
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', command], {
    maxBuffer: 16 * 1024 * 1024,
  }).catch((cause: unknown) => {
    throw new DeclarationError(`error loading plugins info from [${command}]: ${String(cause)}`);
  });
  return parseDump(stdout);
}

/**
 * Reads a dump: `{"Protocol", "Plugins"}`, or a bare array, which means MsgPack. Kong takes the first plugin only
 * (kong/runloop/plugin_servers/process.lua).
 * @throws DeclarationError
 */
export function parseDump(text: string): PluginInfo {
  const dump = parseJson(text);
  const protocol = protocolOf(dump);
  const plugins: unknown = Array.isArray(dump) ? dump : dump['Plugins'];
  const first: unknown = Array.isArray(plugins) ? plugins[0] : undefined;
  const result = pluginSchema.safeParse(first);
  if (!result.success)
    throw new DeclarationError(`not a plugin info table: ${z.prettifyError(result.error)}`);
  const { Name, Version, Priority, Phases, Schema } = result.data;
  const named = (field: string) => Schema.fields.find((candidate) => field in candidate)?.[field];
  const config = named('config');
  if (config === undefined) throw new DeclarationError(`the schema of "${Name}" has no field config`);
  const wrongSchema = schemaFault(config);
  if (wrongSchema !== undefined)
    throw new DeclarationError(`the schema of plugin '${Name}' is invalid:\n${wrongSchema}`);
  return {
    name: Name,
    version: Version,
    priority: Priority,
    phases: Phases,
    protocol,
    protocols: (named('protocols') ?? ANY_PROTOCOLS) as FieldSchema,
    config: withRequiredRecords(config as FieldSchema),
  };
}

type Dump = unknown[] | Readonly<Record<string, unknown>>;

function parseJson(text: string): Dump {
  try {
    const dump: unknown = JSON.parse(text);
    if (typeof dump === 'object' && dump !== null) return dump as Dump;
  } catch {
    // Said below, for both.
  }
  throw new DeclarationError('failed decoding plugin info: expected JSON with the plugins in it');
}

function protocolOf(dump: Dump): PluginInfo['protocol'] {
  const protocol = Array.isArray(dump) ? undefined : dump['Protocol'];
  if (protocol === undefined || protocol === 'MsgPack:1') return 'MsgPack:1';
  if (protocol === 'ProtoBuf:1') return 'ProtoBuf:1';
  throw new DeclarationError(`unknown protocol implementation: ${JSON.stringify(protocol)}`);
}
