import { parseCommand } from './command';
import { edgeId, ID_WINDOW } from './edge-id';

/** The id of a command that is refused: found without reading the rest of it, or not at all. */
export function refusedCommandId(payload: Buffer): string | undefined {
  if (payload.length <= ID_WINDOW) return parseCommand(payload.toString('utf8'), Infinity).id;
  return edgeId(payload.toString('utf8', 0, ID_WINDOW), payload.toString('utf8', payload.length - ID_WINDOW));
}
