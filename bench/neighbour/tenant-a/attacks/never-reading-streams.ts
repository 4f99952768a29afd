import type { Attack } from '../attack';
import { listenToSessions, publishToSessions } from './never-reading';

export const neverReadingStreams: Attack = {
  name: 'never-reading-streams',
  does: '100 event streams read nothing while a service publishes to each',
  clients: (arena) => listenToSessions(arena, 'nothing', true),
  service: publishToSessions,
};
