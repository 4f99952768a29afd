import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { readyFor } from '../../../plugin/prepare';
import { SCHEMA } from '../../../plugin/schema';
import { earlierNames } from '../../../plugin/schema/earlier-names';
import { rawConfig } from '../fixture';

const LIMIT = { by: 'tenant', limit: 5, burst: 0, paths: [], tiers: {} };
const RATE_LIMITS = [
  LIMIT,
  { ...LIMIT, window_seconds: 30, tiers: { free: { limit: 5, burst: 0, window_seconds: 30 } } },
];
const FIELDS = ['config.rate_limits[1].window_seconds', 'config.rate_limits[1].tiers.free.window_seconds'];

describe('a field that has another name by now', () => {
  it('is found wherever it is given', () => {
    expect(earlierNames(SCHEMA, { rate_limits: RATE_LIMITS }).map(({ field }) => field)).toEqual(FIELDS);
  });

  it.each([[{}], [rawConfig()], [{ rate_limits: [{ ...LIMIT, window_seconds: null }] }], [null], ['x']])(
    'is not found in %j',
    (given) => {
      expect(earlierNames(SCHEMA, given)).toEqual([]);
    },
  );

  it('is told to the log when its configuration is made ready, once', async () => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({}, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
    const ready = await readyFor(rawConfig({ rate_limits: RATE_LIMITS }), log);
    if (!(ready instanceof Error)) ready.close();
    expect(lines).toEqual(
      FIELDS.map((field) =>
        expect.objectContaining({ level: 40, field, msg: expect.stringContaining('window_size') }),
      ),
    );
  });
});
