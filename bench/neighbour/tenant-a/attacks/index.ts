import type { Attack } from '../attack';
import { churn } from './churn';
import { deepCommand } from './deep-command';
import { fragments } from './fragments';
import { fullRedis, fullRedisLru } from './full-redis';
import { hugePublishes } from './huge-publishes';
import { largeCommands } from './large-commands';
import { lonelyRelays } from './lonely-relays';
import { neverReading } from './never-reading';
import { neverReadingStreams } from './never-reading-streams';
import { numberArrays } from './number-arrays';
import { pings } from './pings';
import { posts } from './posts';
import { revocations } from './revocations';
import { rings } from './rings';
import { slowReading } from './slow-reading';
import { smallCommands } from './small-commands';
import { streamChurn } from './stream-churn';
import { gatherings, lockLoops } from './together';

/** Every attack, in the order in which they are run. */
export const ATTACKS: readonly Attack[] = [
  deepCommand,
  largeCommands,
  numberArrays,
  smallCommands,
  lonelyRelays,
  fullRedis,
  fullRedisLru,
  rings,
  churn,
  neverReading,
  slowReading,
  fragments,
  pings,
  revocations,
  hugePublishes,
  gatherings,
  lockLoops,
  posts,
  streamChurn,
  neverReadingStreams,
];
