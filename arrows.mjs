// Which folder may import from which. Arrows run one way: what a folder lists here is below it. A folder may import from itself, and
// not from those in it unless it lists them. The linter holds it.

/** @type {Readonly<Record<string, readonly string[]>>} */
export const ARROWS = {
  protocol: [],
  stdio: [],
  redis: [],
  workers: [],

  plugin: [
    ...[
      'authorization',
      'config',
      'consumer',
      'decision',
      'keys',
      'lib',
      'metrics',
      'request',
      'schema',
      'store',
      'token',
    ].map(ofPlugin),
    ...['protocol', 'stdio'],
  ],
  'plugin/lib': ['stdio'],
  'plugin/schema': ['plugin/lib', 'protocol', 'redis'],
  'plugin/config': ['plugin/lib', 'plugin/schema', 'protocol', 'redis'],
  'plugin/request': ['plugin/config', 'protocol'],
  'plugin/metrics': ['plugin/lib', 'protocol', 'stdio'],
  'plugin/keys': ['plugin/config', 'plugin/lib', 'plugin/request', 'protocol'],
  'plugin/token': ['plugin/config', 'plugin/keys', 'plugin/lib', 'plugin/request', 'protocol'],
  'plugin/store': ['plugin/config', 'plugin/lib', 'plugin/metrics', 'plugin/schema', 'protocol', 'redis'],
  'plugin/consumer': [...['config', 'lib', 'request', 'token'].map(ofPlugin), 'protocol'],
  'plugin/authorization': ['plugin/config', 'plugin/lib', 'plugin/token', 'protocol'],
  'plugin/decision': [
    ...['authorization', 'config', 'consumer', 'lib', 'request', 'store', 'token'].map(ofPlugin),
    ...['protocol'],
  ],
  'plugin/admin': ['plugin/metrics', 'protocol', 'stdio'],
  'plugin/server/protobuf': ['plugin', 'plugin/consumer', 'plugin/request'],
  'plugin/server': [
    'plugin',
    'plugin/consumer',
    'plugin/request',
    'plugin/schema',
    'plugin/server/protobuf',
    ...['protocol', 'stdio'],
  ],
  'plugin/workers': ['plugin/lib', 'plugin/metrics', 'plugin/server', 'workers'],
  'plugin/verify': [
    ...['authorization', 'config', 'consumer', 'decision', 'request', 'schema', 'store', 'token'].map(
      ofPlugin,
    ),
    ...['plugin', 'protocol', 'redis', 'stdio'],
  ],
  'plugin/bin': [
    ...['admin', 'decision', 'lib', 'metrics', 'server', 'store', 'verify', 'workers'].map(ofPlugin),
    ...['plugin', 'protocol', 'stdio', 'workers'],
  ],
  'plugin/kong-pdk': ['plugin'],

  'sidecar/lib': [],
  'sidecar/settings': ['protocol', 'redis', 'stdio', 'workers'],
  'sidecar/routes': ['protocol', 'redis'],
  'sidecar/redis': ['sidecar/routes', 'protocol', 'redis'],
  'sidecar/metrics': ['sidecar/redis', 'protocol'],
  'sidecar/quotas': ['sidecar/lib', 'sidecar/redis', 'protocol', 'redis'],
  'sidecar/peers': [...['fanout', 'lib', 'pubsub', 'redis'].map(ofSidecar), 'protocol'],
  'sidecar/locks': [
    ...['fanout', 'lib', 'metrics', 'pubsub', 'redis'].map(ofSidecar),
    ...['protocol', 'redis'],
  ],
  'sidecar/presence': ['sidecar/metrics', 'sidecar/redis', 'sidecar/routes', 'redis'],
  'sidecar/sessions': ['sidecar/lib', 'sidecar/redis', 'redis'],
  'sidecar/http': ['sidecar/metrics', 'sidecar/quotas', 'sidecar/routes', 'protocol', 'stdio'],
  'sidecar/fanout': ['sidecar/lib', 'sidecar/metrics', 'sidecar/routes', 'protocol'],
  'sidecar/websocket': ['sidecar/fanout', 'sidecar/lib'],
  'sidecar/pubsub': [...['fanout', 'lib', 'metrics', 'redis', 'routes'].map(ofSidecar), ...['redis']],
  'sidecar/states': [...['fanout', 'lib', 'metrics', 'pubsub'].map(ofSidecar), ...['redis']],
  'sidecar/history': [...['fanout', 'lib', 'metrics', 'pubsub'].map(ofSidecar), ...['redis']],
  'sidecar/resume': [
    ...['fanout', 'history', 'lib', 'metrics', 'pubsub'].map(ofSidecar),
    ...['protocol', 'redis'],
  ],
  'sidecar/resume/handover': [
    ...['fanout', 'history', 'lib', 'metrics', 'pubsub', 'redis', 'resume'].map(ofSidecar),
    ...['protocol', 'redis'],
  ],
  'sidecar/inbound': [
    ...['fanout', 'lib', 'locks', 'metrics', 'quotas', 'redis', 'routes'].map(ofSidecar),
    ...['protocol', 'redis'],
  ],
  'sidecar/connection': [
    ...['fanout', 'history', 'http', 'inbound', 'lib', 'locks', 'metrics', 'pubsub'].map(ofSidecar),
    ...['quotas', 'peers', 'presence', 'resume', 'resume/handover', 'routes', 'sessions', 'states'].map(
      ofSidecar,
    ),
    ...['sidecar/websocket', 'protocol'],
  ],
  'sidecar/handshake': [
    ...['connection', 'fanout', 'history', 'http', 'inbound', 'lib', 'metrics', 'pubsub'].map(ofSidecar),
    ...['presence', 'redis', 'resume', 'routes', 'sessions', 'settings', 'websocket'].map(ofSidecar),
    ...['protocol'],
  ],
  'sidecar/control': [...['connection', 'fanout', 'lib', 'metrics', 'redis'].map(ofSidecar), 'protocol'],
  sidecar: [
    ...['connection', 'control', 'fanout', 'handshake', 'http', 'inbound', 'lib', 'locks', 'metrics'].map(
      ofSidecar,
    ),
    ...['pubsub', 'peers', 'presence', 'quotas', 'redis', 'resume', 'resume/handover', 'routes'].map(
      ofSidecar,
    ),
    ...['sessions', 'settings', 'states'].map(ofSidecar),
    ...['protocol', 'redis', 'stdio'],
  ],
  'sidecar/doctor': [
    ...['http', 'lib', 'pubsub', 'redis', 'routes', 'settings'].map(ofSidecar),
    ...['protocol', 'redis', 'stdio'],
  ],
  'sidecar/tail': ['client/dist', 'sidecar/http', 'protocol', 'stdio'],
  'sidecar/workers': [
    ...['handshake', 'http', 'metrics', 'settings'].map(ofSidecar),
    ...['sidecar', 'workers'],
  ],
  'sidecar/bin': [
    ...['doctor', 'routes', 'settings', 'tail', 'workers'].map(ofSidecar),
    ...['sidecar', 'stdio', 'workers'],
  ],

  'client/src': ['protocol'],

  'service/src/redis': ['protocol'],
  'service/src/publications': ['service/src/redis'],
  'service/src/presence': ['service/src/redis'],
  'service/src/answers': ['service/src/presence', 'service/src/redis', 'protocol'],
  'service/src': [
    ...['answers', 'presence', 'publications', 'redis'].map((room) => `service/src/${room}`),
    ...['protocol'],
  ],

  'kong-stand-in/lib': [],
  'kong-stand-in/declarative': [],
  'kong-stand-in/http': ['kong-stand-in/declarative', 'kong-stand-in/lib'],
  'kong-stand-in/plugin-config': ['kong-stand-in/declarative', 'kong-stand-in/lib'],
  'kong-stand-in/rpc': ['http', 'lib', 'plugin-config'].map(ofStandIn),
  'kong-stand-in/pdk': ['declarative', 'http', 'lib'].map(ofStandIn),
  'kong-stand-in/msgpack': ['http', 'lib', 'pdk', 'plugin-config', 'rpc'].map(ofStandIn),
  'kong-stand-in/protobuf': ['http', 'lib', 'pdk', 'plugin-config', 'rpc'].map(ofStandIn),
  'kong-stand-in': ['declarative', 'http', 'lib', 'msgpack', 'plugin-config', 'protobuf', 'rpc'].map(
    ofStandIn,
  ),
};

// Images are built with dev/, and without the other two.
const NOT_FROM = { dev: ['bench', 'test'], bench: ['test'] };

/** Folders whose files may import from anywhere but from tests, and dev/ from bench/ neither. */
export const AROUND = Object.keys(NOT_FROM);

/**
 * The arrows as zones of the rule import-x/no-restricted-paths.
 * @param {string} root of the checkout
 */
export function zones(root) {
  const everything = [
    'protocol',
    'stdio',
    'redis',
    'workers',
    'plugin',
    'sidecar',
    'client',
    'service',
    'kong-stand-in',
    'dev',
    'bench',
    'test',
  ];
  const arrows = Object.entries(ARROWS).map(([folder, below]) => ({
    target: `${root}/${folder}/*.ts`,
    from: everything.map((name) => `${root}/${name}/**`),
    except: [folder, ...below].map((name) => `${root}/${name}/*`),
    message: `${folder} may import from ${[folder, ...below].join(', ')} (arrows.mjs).`,
  }));
  const around = Object.entries(NOT_FROM).map(([folder, not]) => ({
    target: `${root}/${folder}/**/*.ts`,
    from: not.map((name) => `${root}/${name}/**`),
    message: `${folder} imports nothing of ${not.join(' or ')} (arrows.mjs).`,
  }));
  return [...arrows, ...around];
}

/** @param {string} room */
function ofPlugin(room) {
  return `plugin/${room}`;
}

/** @param {string} room */
function ofSidecar(room) {
  return `sidecar/${room}`;
}

/** @param {string} room */
function ofStandIn(room) {
  return `kong-stand-in/${room}`;
}
