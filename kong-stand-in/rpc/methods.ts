/** The messages that a PDK function takes and returns over ProtoBuf. */
export interface RpcMethod {
  readonly input: string;
  readonly output: string;
}

/** Input, output, and the functions that have them (kong/include/kong/pluginsocket.proto, service `Kong`). */
const SIGNATURES: readonly [input: string, output: string, names: readonly string[]][] = [
  [
    'Empty',
    'String',
    [
      ...['kong.client.get_ip', 'kong.client.get_forwarded_ip', 'kong.log.serialize', 'kong.node.get_id'],
      ...['kong.nginx.get_tls1_version_str', 'kong.nginx.get_subsystem', 'kong.request.get_scheme'],
      ...['kong.request.get_host', 'kong.request.get_forwarded_scheme', 'kong.request.get_forwarded_host'],
      ...['kong.request.get_method', 'kong.request.get_path', 'kong.request.get_path_with_query'],
      ...['kong.request.get_raw_query', 'kong.response.get_source'],
    ],
  ],
  [
    'Empty',
    'Int',
    [
      ...['kong.client.get_port', 'kong.client.get_forwarded_port', 'kong.request.get_port'],
      ...['kong.request.get_forwarded_port', 'kong.response.get_status', 'kong.service.response.get_status'],
    ],
  ],
  ['Empty', 'Number', ['kong.nginx.req_start_time', 'kong.request.get_http_version']],
  ['Empty', 'Route', ['kong.router.get_route']],
  ['Empty', 'Service', ['kong.router.get_service']],
  ['Empty', 'Consumer', ['kong.client.get_consumer']],
  ['Empty', 'AuthenticatedCredential', ['kong.client.get_credential']],
  ['Empty', 'MemoryStats', ['kong.node.get_memory_stats']],
  ['Empty', 'RawBodyResult', ['kong.request.get_raw_body']],
  ['Empty', 'UriCapturesResult', ['kong.request.get_uri_captures']],
  ['Empty', 'ByteString', ['kong.service.response.get_raw_body']],
  ['ConsumerSpec', 'Consumer', ['kong.client.load_consumer']],
  ['AuthenticateArgs', 'Empty', ['kong.client.authenticate']],
  ['Bool', 'String', ['kong.client.get_protocol']],
  ['KV', 'String', ['kong.nginx.set_ctx']],
  [
    'KV',
    'Empty',
    [
      ...['kong.ctx.shared.set', 'kong.log.set_serialize_value', 'kong.response.set_header'],
      ...['kong.response.add_header', 'kong.service.request.set_header', 'kong.service.request.add_header'],
    ],
  ],
  ['String', 'Value', ['kong.ctx.shared.get', 'kong.nginx.get_ctx']],
  ['String', 'Bool', ['kong.ip.is_trusted', 'kong.service.set_upstream']],
  [
    'String',
    'String',
    [
      ...['kong.nginx.get_var', 'kong.request.get_query_arg', 'kong.request.get_header'],
      ...['kong.response.get_header', 'kong.service.response.get_header'],
    ],
  ],
  [
    'String',
    'Empty',
    [
      ...['kong.response.clear_header', 'kong.service.request.set_scheme', 'kong.service.request.set_path'],
      ...['kong.service.request.set_raw_query', 'kong.service.request.set_method'],
      'kong.service.request.clear_header',
    ],
  ],
  [
    'Int',
    'Struct',
    [
      ...['kong.request.get_query', 'kong.request.get_headers', 'kong.response.get_headers'],
      'kong.service.response.get_headers',
    ],
  ],
  ['Int', 'Empty', ['kong.response.set_status']],
  [
    'Struct',
    'Empty',
    [...['kong.response.set_headers', 'kong.service.request.set_query'], 'kong.service.request.set_headers'],
  ],
  ['ExitArgs', 'Empty', ['kong.response.exit']],
  ['Target', 'Empty', ['kong.service.set_target']],
  ['ByteString', 'Empty', ['kong.service.request.set_raw_body']],
  [
    'ListValue',
    'Empty',
    ['alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'].map((level) => `kong.log.${level}`),
  ],
];

/** Every function that Kong offers a plugin server over ProtoBuf, by the name that goes over the wire. */
export const RPC_METHODS: ReadonlyMap<string, RpcMethod> = new Map(
  SIGNATURES.flatMap(([input, output, names]) =>
    names.map((name): [string, RpcMethod] => [name, { input, output }]),
  ),
);
