import { Redis } from 'ioredis';
import { GenericContainer, Wait, type StartedTestContainer } from 'testcontainers';
import { stringify } from 'yaml';
import { addressOf, IMAGES, newNetwork } from '../containers';
import { configuration } from '../start-stack';
import { ROOT, SECRETS, type Stack } from '../stack';

/** The Dockerfile's images with a Redis: Kong runs the gatekeeper itself. */
export interface ImageStack extends Pick<Stack, 'url' | 'redis' | 'logs'> {
  readonly kong: StartedTestContainer;
  readonly bridge: StartedTestContainer;
  stop(): Promise<void>;
}

/** How long the bridge drains in these specs, in milliseconds. */
export const DRAIN_MS = 1000;

/** Builds a target of the Dockerfile. */
export function buildImage(target: 'kong' | 'bridge' | 'gatekeeper'): Promise<GenericContainer> {
  return GenericContainer.fromDockerfile(ROOT)
    .withTarget(target)
    .withBuildArgs({ NODE_IMAGE: IMAGES.node, KONG_IMAGE: IMAGES.kong })
    .build(undefined, { deleteOnExit: false });
}

/** Builds what is not built yet, and starts it. */
export async function startImageStack(): Promise<ImageStack> {
  const bridgeImage = await buildImage('bridge');
  const kongImage = await buildImage('kong');
  const kongYml = stringify(configuration({ config: { rate_limits: [] } }));
  const network = await newNetwork();
  const logs: string[] = [];
  const logged = (container: GenericContainer): GenericContainer =>
    container.withLogConsumer((stream) => stream.on('data', (line) => logs.push(String(line).trimEnd())));

  const redisContainer = await new GenericContainer(IMAGES.redis)
    .withNetwork(network)
    .withNetworkAliases('redis')
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'))
    .start();
  const bridge = await logged(bridgeImage)
    .withNetwork(network)
    .withNetworkAliases('ws-bridge')
    .withEnvironment({
      REDIS_URL: 'redis://redis:6379',
      BRIDGE_ASSERTION_SECRET: SECRETS.ASSERTION_SECRET,
      BRIDGE_DRAIN_MS: `${DRAIN_MS}`,
      BRIDGE_LINGER_MS: '0',
    })
    .withWaitStrategy(Wait.forHealthCheck())
    .start();
  const kong = await logged(kongImage)
    .withNetwork(network)
    .withCopyContentToContainer([{ content: kongYml, target: '/kong.yml', mode: 0o644 }])
    .withEnvironment({
      ...SECRETS,
      REDIS_URL: 'redis://redis:6379',
      GATEKEEPER_LOG_LEVEL: 'debug',
      KONG_DATABASE: 'off',
      KONG_DECLARATIVE_CONFIG: '/kong.yml',
      KONG_ADMIN_LISTEN: 'off',
      KONG_LOG_LEVEL: 'info',
      KONG_NGINX_WORKER_PROCESSES: '2',
      KONG_NGINX_MAIN_WORKER_SHUTDOWN_TIMEOUT: '1s',
    })
    .withExposedPorts(8000)
    .withStartupTimeout(120_000)
    // Kong starts the gatekeeper once it serves; until that listens an upgrade is answered with 500.
    .withWaitStrategy(Wait.forHttp('/ws/notifications', 8000).forStatusCode(426))
    .start();
  const redis = new Redis(`redis://${await addressOf(redisContainer, network.getName(), 6379)}`);
  return {
    url: `ws://${await addressOf(kong, network.getName(), 8000)}`,
    redis,
    kong,
    bridge,
    logs: () => Promise.resolve(logs.join('\n')),
    async stop() {
      redis.disconnect();
      for (const container of [kong, bridge, redisContainer]) await container.stop({ timeout: 0 });
      await network.stop();
    },
  };
}
