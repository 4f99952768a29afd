import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { quoted } from '../../protocol/quoted';
import { DEFAULT_ROUTES, type Route } from './route';
import { compileRoutes, RouteError } from './compile';

/** Frames in a replay log, at most: as many as BRIDGE_RING_MAX_FRAMES may be. */
export const MAX_RING_FRAMES = 1_000_000;

/** A route as the file has it. docs/routes.md is made of it. */
export const ROUTE_MEMBERS = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, {
      error: ({ input }) => `expected 1 to 64 letters, digits, "_" or "-", got ${quoted(input)}`,
    })
    .describe('Its name in logs and metrics, which no other route has: 1 to 64 letters, digits, `_` or `-`.'),
  path: z
    .string()
    .describe(
      'The path behind the gateway, without a query. A segment is literal or a whole `{param}`. The first route that fits is taken.',
    ),
  channels: z
    .array(z.string())
    .describe(
      'The Redis channels whose messages its sockets get, at least one, with placeholders between colons.',
    ),
  initial: z
    .string()
    .optional()
    .describe(
      'The Redis key in which services keep the newest frame of the one channel, with placeholders as in channels. A client gets its value first, and again when a lost subscription is back. Not on a route that relays.',
    ),
  history: z
    .strictObject({
      key: z.string(),
      frames: z.int().min(1).max(100_000).default(1000),
      bytes: z
        .int()
        .min(1)
        .max(2 ** 30)
        .default(4_194_304),
      seconds: z.int().min(1).max(86_400).default(600),
    })
    .optional()
    .describe(
      'The history that services keep of the one channel ([PROTOCOL.md](../PROTOCOL.md), section 10). `key` is a Redis key, with the placeholders of the channel. A bridge reads the latest `frames` (1000) at most, and `bytes` of them (4 MiB). It is kept for `seconds` (600) after its last frame or its last client. Not on a route that relays.',
    ),
  messages: z
    .enum(['commands', 'refuse', 'relay'])
    .describe(
      'Messages of clients. `commands` adds them to the command stream and needs `"session": true`. `refuse` answers each with `READ_ONLY`. `relay` publishes them to every other peer of the one channel.',
    ),
  session: z
    .boolean()
    .default(false)
    .describe(
      'Whether `?session=` names a session that belongs to the first tenant and user who opens it. Without it in the query the bridge makes one.',
    ),
  slowConsumer: z
    .enum(['close', 'latest'])
    .default('close')
    .describe(
      'A client that does not take its frames, past `BRIDGE_MAX_BUFFER_BYTES`. `close` closes it with 4408, and it comes back to resume. `latest` leaves out what it was not sent for the newest frame; for channels on which every frame says all.',
    ),
  echoAfterSeconds: z
    .int()
    .min(0)
    .max(3600)
    .default(0)
    .describe(
      'Beside `relay` only: a plain client that was sent nothing for so many seconds gets its own next message back. 0 for never, 3600 at most. Needed by y-websocket, which closes a connection on which it hears nothing for 30 seconds.',
    ),
  readersMayAsk: z
    .enum(['yjs'])
    .optional()
    .describe(
      "Beside `relay` only: a question that is relayed for readers, too (PROTOCOL.md, section 3). `yjs` is y-protocols' sync step 1, with which a client asks the peers for the document. Without it a reader sees only what others write while it is there.",
    ),
  maxMessageBytes: z
    .int()
    .min(1)
    .max(2 ** 30)
    .optional()
    .describe(
      'Largest message from a client, in bytes; a larger one closes its socket with 1009. Without it, that of `messages`: `BRIDGE_MAX_COMMAND_BYTES`, `BRIDGE_MAX_ONE_WAY_FRAME_BYTES` or `BRIDGE_MAX_RELAY_BYTES`. `BRIDGE_MAX_FRAME_BYTES` bounds it.',
    ),
  ring: z
    .strictObject({
      frames: z.int().min(1).max(MAX_RING_FRAMES).optional(),
      bytes: z
        .int()
        .min(1)
        .max(2 ** 30)
        .optional(),
      lingerSeconds: z.int().min(0).max(86_400).optional(),
    })
    .optional()
    .describe(
      'Bounds of each replay log for `bridge.v1` clients that come back: `frames`, `bytes`, and `lingerSeconds` after the last client left. A member that is not there is that of `BRIDGE_RING_MAX_FRAMES`, `BRIDGE_RING_MAX_BYTES` and `BRIDGE_LINGER_MS`. All replay logs together keep to `BRIDGE_RING_TENANT_BYTES` and `BRIDGE_RING_TOTAL_BYTES`.',
    ),
  presence: z
    .boolean()
    .default(false)
    .describe(
      'Whether the Redis Stream `ws:presence` tells services when its one channel gets its first listener ([PROTOCOL.md](../PROTOCOL.md), section 12). It also tells when the last one has been gone for `BRIDGE_PRESENCE_LINGER_MS`. Not beside a channel that is `shared`.',
    ),
  peers: z
    .boolean()
    .default(false)
    .describe(
      'Beside `relay` only: whether `bridge.v1` clients are told who else is at the document ([PROTOCOL.md](../PROTOCOL.md), section 13). They see the ids of its users. Not beside a channel that is `shared`.',
    ),
  locks: z
    .boolean()
    .default(false)
    .describe(
      'Beside `relay` only: whether `bridge.v1` clients may lock names of a document, such as a cell or a widget ([PROTOCOL.md](../PROTOCOL.md), section 14). They see which user holds which. Not beside a channel that is `shared`.',
    ),
  shared: z
    .boolean()
    .default(false)
    .describe(
      'Whether a channel may have neither `{tenant}` nor `{session}`. Users of every tenant get its messages then, and only the gateway decides who may open the route.',
    ),
});

const ROUTES_FILE = z.strictObject({ routes: z.array(ROUTE_MEMBERS).min(1) });

/** The built-in table as a routes file. */
export function builtInRoutesFile(): string {
  return `${JSON.stringify({ routes: DEFAULT_ROUTES }, undefined, 2)}\n`;
}

/** The routes that are served: an operator's, or the built-in ones when there is no file. @throws RouteError */
export function servedRoutes(file: string | undefined): readonly Route[] {
  return file === undefined ? compileRoutes(DEFAULT_ROUTES) : readRoutesFile(file);
}

/**
 * Reads an operator's route table: `{"routes": [{"name", "path", "channels", "messages", "session"?,
 * "slowConsumer"?, …}]}`.
 * @throws RouteError naming the file, the entry and what was expected
 */
export function readRoutesFile(file: string): readonly Route[] {
  return parseRoutes(file, readText(file));
}

/**
 * Parses an operator's route table.
 * @param file its name, for the error message
 * @throws RouteError
 */
export function parseRoutes(file: string, text: string): readonly Route[] {
  const parsed = ROUTES_FILE.safeParse(parseJson(file, text));
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `  ${place(issue.path)}: ${issue.message}`);
    throw new RouteError(`${file}:\n${faults.join('\n')}`);
  }
  try {
    return compileRoutes(parsed.data.routes);
  } catch (error) {
    if (error instanceof RouteError) throw new RouteError(`${file}: ${error.message}`);
    throw error;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RouteError(`${file}: expected a readable file`, { cause });
  }
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RouteError(`${file}: expected JSON`, { cause });
  }
}

function place(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'the file' : path.map(String).join('.');
}
