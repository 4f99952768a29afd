import type { Attack } from '../attack';
import { listenToSessions, publishToSessions } from './never-reading';

const BYTES_PER_SECOND = 16_384;

export const slowReading: Attack = {
  name: 'slow-reading',
  does: '100 sockets read 16 KiB a second while a service publishes more to each',
  clients: (arena) => listenToSessions(arena, { bytesPerSecond: BYTES_PER_SECOND }),
  service: publishToSessions,
};
