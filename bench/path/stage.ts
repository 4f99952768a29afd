import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withBackstage, type Backstage } from '../backstage';
import type { LoadCalls } from '../load/calls';
import type { Peer } from '../peer';
import { ROOT } from '../peers/node-server';
import { ASSERTION_SECRET } from '../peers/ws-bridge';
import { TOKEN_SECRET } from '../plugin-servers/config';
import { privateRedis } from '../private-redis';
import { serverPort } from '../server-port';
import { ServerProcess } from '../server-process';
import type { Worker } from '../worker';
import type { Chain } from './chains';
import type { Gateway, RunningGateway } from './gateway';

/** The whole path, and who uses it. */
export interface PathStage {
  readonly redis: ServerProcess;
  readonly bridge: ServerProcess;
  readonly gatekeeper: ServerProcess;
  readonly gateway: RunningGateway;
  readonly load: Worker<LoadCalls>;
  readonly worker: Backstage['worker'];
}

/** Those whose CPU time counts. */
export type Station = 'gateway' | 'gatekeeper' | 'bridge' | 'redis';

/**
 * Sets up the path with a peer at its end, hands it to `trial`, and takes everything down again.
 * @param chain what decides
 */
export function onPath<T>(
  peer: Pick<Peer, 'start'>,
  gateway: Gateway,
  nodeFlags: readonly string[],
  { config: configOf, undecided }: Pick<Chain, 'config' | 'undecided'>,
  trial: (stage: PathStage) => Promise<T>,
): Promise<T> {
  return withBackstage(async ({ folder, keep, worker }) => {
    const redis = await keep(privateRedis(folder));
    const place = { redisPort: redis.port, port: await serverPort(), folder, nodeFlags };
    const bridge = await keep(peer.start(place));
    const [socketPath, infoFile] = [join(folder, 'plugin.sock'), join(folder, 'plugin-info.json')];
    const gatekeeper = await keep(startGatekeeper({ folder, socketPath, infoFile, nodeFlags, undecided }));
    const configFile = join(folder, 'kong.yml');
    const ports = { upstream: bridge.port, redis: redis.port };
    await writeFile(configFile, configOf(await readFile(join(ROOT, 'kong.yml'), 'utf8'), ports));
    const started = await keep(
      gateway.start({
        ...{ folder, configFile, socketPath, infoFile, nodeFlags },
        port: await serverPort(),
        env: {
          JWT_SECRET: TOKEN_SECRET,
          ASSERTION_SECRET,
          REDIS_URL: `redis://127.0.0.1:${redis.port}`,
        },
      }),
    );
    const load = worker<LoadCalls>('load/main.js');
    return trial({ redis, bridge, gatekeeper, gateway: started, load, worker });
  });
}

/** The numbers of its processes. */
export function stations({ gateway, gatekeeper, bridge, redis }: PathStage): Record<Station, number[]> {
  return {
    gateway: [gateway.pid],
    gatekeeper: [gatekeeper.pid],
    bridge: [bridge.pid],
    redis: [redis.pid],
  };
}

/** @throws Error when one has ended by itself */
export function expectWholePath({ gateway, gatekeeper, bridge, redis }: PathStage): void {
  for (const server of [gateway, gatekeeper, bridge, redis]) server.expectRunning();
}

interface GatekeeperPlace {
  readonly folder: string;
  readonly socketPath: string;
  readonly infoFile: string;
  readonly nodeFlags: readonly string[];
  readonly undecided: Chain['undecided'];
}

function startGatekeeper({
  folder,
  socketPath,
  infoFile,
  nodeFlags,
  undecided,
}: GatekeeperPlace): Promise<ServerProcess> {
  const args =
    undecided === undefined
      ? [
          join(ROOT, 'dist/plugin/bin/ws-gatekeeper.js'),
          '--socket',
          socketPath,
          '--plugin-info-file',
          infoFile,
        ]
      : [join(ROOT, 'dist/bench/plugin-servers/undeciding.js'), socketPath, infoFile, undecided];
  return ServerProcess.start({
    command: process.execPath,
    args: [...nodeFlags, ...args],
    socketPath,
    logFile: join(folder, 'gatekeeper.log'),
  });
}
