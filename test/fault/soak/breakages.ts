import { WITHOUT_ROOM } from '../../fakes/refused-writes';
import { wait } from '../until';
import type { SoakStage } from './soak-stage';

/** Something that is broken, by its name; resolves once it is whole again. */
export interface Breakage {
  readonly name: string;
  readonly happen: (stage: SoakStage) => Promise<unknown>;
}

const LASTING_MS = 4000;
/** Less than after which sentinels take a master for down. */
const HANG_MS = 600;

/** All that is broken, one after the other. Connections are cut all the while. */
export const BREAKAGES: readonly Breakage[] = [
  { name: 'a rolling restart', happen: (stage) => stage.replaceBridge('SIGTERM') },
  {
    name: "a user's sockets are revoked",
    happen: (stage) => stage.order({ type: 'revoke', tenant: 't1', user: 'u0' }),
  },
  { name: 'another configuration of the gatekeeper', happen: reconfigure },
  {
    name: 'Redis drops its subscribers',
    happen: (stage) => stage.onMaster((redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')),
  },
  { name: 'a failover', happen: failOver },
  {
    name: "a tenant's rights are judged anew",
    happen: (stage) => stage.order({ type: 'reauthorize', tenant: 't0' }),
  },
  { name: 'clocks an hour on', happen: (stage) => stepClocks(stage, 1) },
  { name: 'a bridge is killed', happen: (stage) => stage.replaceBridge('SIGKILL') },
  { name: 'a log that nobody reads', happen: stallLogs },
  { name: 'a full Redis', happen: fillRedis },
  { name: 'clocks an hour back', happen: (stage) => stepClocks(stage, -1) },
  { name: 'a master that hangs', happen: hangRedis },
];

function reconfigure({ admissions }: SoakStage): Promise<void> {
  admissions.reload();
  return Promise.resolve();
}

async function failOver(stage: SoakStage): Promise<void> {
  const before = await stage.redis.master();
  await stage.redis.failOver();
  while ((await stage.redis.master()) === before) await wait(50);
}

async function stepClocks(stage: SoakStage, hours: number): Promise<void> {
  await stage.setClocks(hours);
  await wait(LASTING_MS);
  await stage.setClocks(0);
}

async function stallLogs({ bridge, gatekeeper }: SoakStage): Promise<void> {
  for (const program of [bridge, gatekeeper]) program.readLog(false);
  await wait(LASTING_MS);
  for (const program of [bridge, gatekeeper]) program.readLog(true);
}

async function fillRedis(stage: SoakStage): Promise<void> {
  await stage.onMaster(async (redis) => {
    await WITHOUT_ROOM.begin(redis);
    await wait(LASTING_MS);
    await WITHOUT_ROOM.end(redis);
  });
}

async function hangRedis(stage: SoakStage): Promise<void> {
  const { pid } = await stage.redis.master();
  process.kill(pid, 'SIGSTOP');
  await wait(HANG_MS);
  process.kill(pid, 'SIGCONT');
}
