import { parseCommand } from './commands';

/** A refused command's id is looked for in so many bytes at its beginning, and in as many at its end. */
export const ID_WINDOW_BYTES = 1024;

/** The first members, when they are `id`, or `type` and then `id`. */
const LEADING = /^\s*\{\s*(?:"type"\s*:\s*"[^"\\]*"\s*,\s*)?"id"\s*:\s*"([^"\\]{1,128})"/;
/** The last member: in valid JSON what ends so is one, because no string holds a quote that is not escaped. */
const TRAILING = /,\s*"id"\s*:\s*"([^"\\]{1,128})"\s*\}\s*$/;

/** The id of a command that is refused: found without reading the rest of it, or not at all. */
export function refusedCommandId(payload: Buffer): string | undefined {
  if (payload.length <= ID_WINDOW_BYTES) return parseCommand(payload.toString('utf8')).id;
  const [first, last] = [
    LEADING.exec(payload.toString('utf8', 0, ID_WINDOW_BYTES))?.[1],
    TRAILING.exec(payload.toString('utf8', payload.length - ID_WINDOW_BYTES))?.[1],
  ];
  // Of two ids none is the command's.
  return first !== undefined && last !== undefined && first !== last ? undefined : (first ?? last);
}
