import { randomUUID } from 'node:crypto';
import { serverPort } from '../server-port';
import { signAssertion } from '../../protocol/assertion';
import { SUBPROTOCOL } from '../../protocol/frames';
import { DEFAULT_HEADER_NAMES as HEADERS } from '../../protocol/headers';
import { importSecret } from '../../protocol/keys';
import type { Peer, Place } from '../peer';
import type { ServerProcess } from '../server-process';
import type { Topic } from '../topic';
import { nodeServer } from './node-server';

/** Signs what the gatekeeper would. */
export const ASSERTION_SECRET = 'the secret of the benches, 32 bytes or more';
/** How the image and the systemd unit start it (docs/adr/0028). */
const SHIPPED_FLAGS = ['--max-semi-space-size=8'];
/** Seconds that users' tokens last. */
const TOKEN_SECONDS = 900;

/**
 * The bridge as it is shipped, for plain clients, for those of bridge.v1 or for event streams. Its settings are the default ones, but
 * for its workers.
 */
export function wsBridge(clients: 'plain' | 'bridge.v1' | 'http', workers = 1): Peer {
  return {
    name: `ws-bridge, ${clients}`,
    prepare: () => Promise.resolve(undefined),
    start: async (place) => startBridge(place, await serverPort(), { BRIDGE_WORKERS: `${workers}` }),
    client: async (topic, number) => ({
      path: topic.path,
      headers: {
        ...(await assertedHeaders(topic, number)),
        ...(clients === 'bridge.v1' ? { 'Sec-WebSocket-Protocol': SUBPROTOCOL } : {}),
      },
      overHttp: clients === 'http',
    }),
    publication: ({ channel }, payload) => [channel, Buffer.from(payload)],
  };
}

/**
 * Starts the bridge as it is shipped.
 * @param more settings that are not left at their defaults
 */
export function startBridge(
  place: Place,
  adminPort: number,
  more: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const shipped = { ...place, nodeFlags: [...SHIPPED_FLAGS, ...place.nodeFlags] };
  return nodeServer('sidecar/bin/ws-bridge.js', shipped, {
    BRIDGE_HOST: '127.0.0.1',
    BRIDGE_PORT: `${place.port}`,
    BRIDGE_ADMIN_HOST: '127.0.0.1',
    BRIDGE_ADMIN_PORT: `${adminPort}`,
    BRIDGE_ASSERTION_SECRET: ASSERTION_SECRET,
    REDIS_URL: `redis://127.0.0.1:${place.redisPort}`,
    ...more,
  });
}

/** The headers that the gatekeeper sets on the upgrade of one user. */
export async function assertedHeaders(
  topic: Pick<Topic, 'path' | 'tenant'>,
  number: number,
): Promise<Record<string, string>> {
  const identity = { tenantId: topic.tenant, userId: `u${number}`, roles: ['analyst'] };
  const [path] = topic.path.split('?');
  const requestId = randomUUID();
  const now = Date.now() / 1000;
  const caller = { identity, requestId, tokenJti: randomUUID(), tokenExp: now + TOKEN_SECONDS, path };
  const key = await importSecret(ASSERTION_SECRET, 'HS256');
  return {
    [HEADERS.tenant]: identity.tenantId,
    [HEADERS.user]: identity.userId,
    [HEADERS.roles]: identity.roles.join(','),
    [HEADERS.requestId]: requestId,
    [HEADERS.assertion]: await signAssertion(caller, key, now, randomUUID()),
  };
}
