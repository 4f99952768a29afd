import type { Redis } from 'ioredis';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { escapeSegment } from '../../protocol/channels';
import { DEFAULT_TOKEN_TTL_SECONDS } from '../defaults';
import type { NotificationFrame } from './frames';
import { demoName } from './names';
import { issueToken } from '../issue-token';
import type { Line } from '../line';

/** The page's buttons act on these. */
export interface DemoSurroundings {
  readonly redis: Redis;
  readonly line: Pick<Line, 'cut'>;
  readonly jwtSecret: string;
  readonly restartBridge: () => Promise<void>;
  readonly killBridge: () => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** One thing that the page may ask for. `input` is the query of a GET, the JSON of a POST. @throws z.ZodError */
export interface DemoAction {
  readonly method: 'GET' | 'POST';
  /** @returns text to answer with, or nothing */
  readonly run: (input: unknown) => Promise<string | undefined>;
}

const name = z.string().min(1).max(64);
const whom = z.strictObject({ tenant: name, user: name });
const expiry = z.strictObject({ token: z.jwt() });
const wire = z.strictObject({ line: z.string().regex(/^[\w-]{1,64}$/) });
const notice = z.strictObject({ tenant: name, user: name.optional(), text: z.string().min(1).max(200) });
const nothing = z.strictObject({});

/** The answer at each path, for the demo page alone. */
export function demoActions(surroundings: DemoSurroundings): ReadonlyMap<string, DemoAction> {
  const { redis, line, jwtSecret, restartBridge, killBridge, now } = surroundings;
  const nowSeconds = (): number => Math.floor(now() / 1000);
  return new Map<string, DemoAction>([
    [
      '/demo/token',
      {
        method: 'GET',
        run: (input) => {
          const request = { ...whom.parse(input), roles: ['analyst'], tier: 'enterprise' };
          return issueToken({ ...request, ttlSeconds: DEFAULT_TOKEN_TTL_SECONDS }, jwtSecret, nowSeconds());
        },
      },
    ],
    ['/demo/expire', post(expiry, ({ token }) => expireToken(redis, token, nowSeconds()))],
    [
      '/demo/drop',
      post(wire, ({ line: id }) => {
        line.cut(id);
      }),
    ],
    ['/demo/restart-bridge', post(nothing, restartBridge)],
    ['/demo/kill-bridge', post(nothing, killBridge)],
    ['/demo/notify', post(notice, (input) => notify(redis, input))],
  ]);
}

function post<Input>(schema: z.ZodType<Input>, run: (input: Input) => Promise<void> | void): DemoAction {
  return {
    method: 'POST',
    run: async (input) => {
      await run(schema.parse(input));
      return undefined;
    },
  };
}

/** Revokes a token as a platform does: no upgrade with it any more, and no open socket (PROTOCOL.md §6). */
async function expireToken(redis: Redis, token: string, nowSeconds: number): Promise<void> {
  const { jti, exp } = z.object({ jti: z.string(), exp: z.number() }).parse(decodeJwt(token));
  await redis.set(demoName(`blacklist:${jti}`), '1', 'EX', Math.max(1, exp - nowSeconds));
  await redis.publish(demoName('ws:control'), JSON.stringify({ type: 'revoke', jti }));
}

async function notify(redis: Redis, { tenant, user, text }: z.infer<typeof notice>): Promise<void> {
  const everyone = `${escapeSegment(tenant)}:notifications`;
  const channel = user === undefined ? everyone : `${everyone}:${escapeSegment(user)}`;
  const to = user === undefined ? 'everyone' : 'user';
  const frame: NotificationFrame = { type: 'notification', data: { text, to } };
  await redis.publish(demoName(channel), JSON.stringify(frame));
}
