import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { readyFor } from '../../../plugin/prepare';
import { SCHEMA } from '../../../plugin/schema';
import { strayLineEnds } from '../../../plugin/schema/stray-line-ends';
import { rawConfig, TOKEN_SECRET } from '../fixture';

describe('a secret of the configuration that ends in a line break', () => {
  it('is found wherever it stands, and nothing but secrets is', () => {
    const given = {
      secret: `${TOKEN_SECRET}\n`,
      secrets: [{ secret: TOKEN_SECRET }, { kid: 'a\n', secret: `${TOKEN_SECRET}\r\n` }],
      assertion_private_key: '-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n',
      redis: { username: 'ws\n', password: 'word\n' },
      error_message: 'later\n',
    };
    expect(strayLineEnds(SCHEMA, given)).toEqual([
      'config.secret',
      'config.secrets[1].secret',
      'config.redis.password',
    ]);
  });

  it.each([[rawConfig()], [{}], [null]])('is not found in %j', (given) => {
    expect(strayLineEnds(SCHEMA, given)).toEqual([]);
  });

  it('is told to the log when its configuration is made ready: each token would have a bad signature, and nothing said why', async () => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({}, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
    const ready = await readyFor(rawConfig({ secret: `${TOKEN_SECRET}\n` }), log);
    if (!(ready instanceof Error)) ready.close();
    expect(lines).toEqual([
      expect.objectContaining({
        level: 40,
        field: 'config.secret',
        msg: 'a secret ends in a line break, which counts as a part of it',
      }),
    ]);
  });
});
