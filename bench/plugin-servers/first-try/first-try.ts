import { jwtVerify } from 'jose';
import { Redis } from 'ioredis';

interface Config {
  readonly secret: string;
  readonly redis_port: number;
  readonly limit: number;
}

interface Kong {
  readonly request: { getHeader(name: string): Promise<string | undefined> };
  readonly service: {
    readonly request: {
      setHeader(name: string, value: string): Promise<void>;
      clearHeader(name: string): Promise<void>;
    };
  };
  readonly response: { exit(status: number, body: string): Promise<void> };
}

const WINDOW_SECONDS = 60;

/** A first try with kong-pdk: verify the token, count the tenant in Redis, set the headers. */
export class Plugin {
  readonly #config: Config;
  readonly #secret: Uint8Array;
  readonly #redis: Redis;

  constructor(config: Config) {
    this.#config = config;
    this.#secret = Buffer.from(config.secret);
    this.#redis = new Redis(config.redis_port, '127.0.0.1');
  }

  async access(kong: Kong): Promise<void> {
    const authorization = await kong.request.getHeader('authorization');
    const { payload } = await jwtVerify((authorization ?? '').replace(/^Bearer /, ''), this.#secret, {
      issuer: 'matih-platform',
      audience: 'matih-api',
    });
    const tenant = String(payload['tenant_id']);
    const window = Math.floor(Date.now() / 1000 / WINDOW_SECONDS);
    const key = `limit:${tenant}:${window}`;
    const answers = await this.#redis.multi().incr(key).expire(key, WINDOW_SECONDS).exec();
    if (Number(answers?.[0]?.[1]) > this.#config.limit) {
      await kong.response.exit(429, '{"message":"Too many connections"}');
      return;
    }
    await kong.service.request.setHeader('X-Tenant-ID', tenant);
    await kong.service.request.setHeader('X-User-ID', String(payload.sub));
    await kong.service.request.setHeader('X-User-Roles', (payload['roles'] as string[]).join(','));
    await kong.service.request.clearHeader('authorization');
  }
}

export const Name = 'first-try';
export const Version = '1.0.0';
export const Priority = 1005;
