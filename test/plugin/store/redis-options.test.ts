import { describe, expect, it } from '@jest/globals';
import { parseConfig } from '../../../plugin/config/parse';
import { connectionOptions, redisTarget } from '../../../plugin/store/redis-options';
import { rawConfig } from '../fixture';

async function optionsFor(redis: Readonly<Record<string, unknown>>) {
  const raw = rawConfig({ redis: { ...(rawConfig()['redis'] as object), ...redis } });
  const { config } = await parseConfig(raw);
  return connectionOptions(config.redis, redisTarget(config.redis));
}

describe('the connection of the gatekeeper to one Redis', () => {
  it('goes where its URL says, as whom it says, and to its database', async () => {
    expect(await optionsFor({ url: 'rediss://u:p%40@[::1]:7/3', password: 'other' })).toMatchObject({
      host: '::1',
      port: 7,
      db: 3,
      username: 'u',
      password: 'p@',
      tls: { rejectUnauthorized: true },
    });
  });

  it('takes the user and the password of the configuration for those that the URL leaves empty', async () => {
    const given = { username: 'app', password: 'secret' };
    for (const url of ['redis://h', 'redis://:@h', 'redis://app:@h', 'redis://app@h'])
      expect(await optionsFor({ ...given, url })).toMatchObject(given);
  });

  it('sends no password that is empty', async () => {
    const options = await optionsFor({ url: 'redis://app:@h', password: '', username: '' });
    expect(options).not.toHaveProperty('password');
    expect(options).toHaveProperty('username', 'app');
  });
});
